"""Parts of pages that are drawn once for each state that they show: the same dozens of rows, each time the page is
asked for.

In a template: {% call drawn_once(key) %} … {% endcall %}.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from markupsafe import Markup

from newsletter.web.desk.value_cache import ValueCache

_parts: ValueCache[Hashable, Markup] = ValueCache(3600.0)


def drawn_once(key: Hashable, caller: Callable[[], Markup]) -> Markup:
    """The part as it was drawn for this key, which holds all that the part shows; None draws it anew."""
    return caller() if key is None else _parts.get(key, caller)
