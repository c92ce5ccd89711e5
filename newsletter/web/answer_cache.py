"""Answers that differ in a few words alone: rendered once, and then put together around other words.

Rendering is three fifths of what a sign-up costs the site (measured), and nearly every answer to one is the same page
with another address and another token.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Hashable

from flask import current_app
from markupsafe import escape

from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.web.language import link_languages
from newsletter.web.navigation import sections_in_use, sections_lately

_KEY = "newsletter.answer_cache"
_MOST = 100
"""Pages; with one more, all are rendered anew."""


def render_around(name: Hashable, render: Callable[..., str], *words: str) -> str:
    """The page `name` as `render(*words)` makes it.

    It may depend on the words, on the language, on the sections, and on nothing else; the sections may be a second old.
    Words are escaped and not changed otherwise; in their place `render` gets marks that look like addresses.
    """
    year = clock.now().astimezone(runtime().settings.timezone).year
    about = (name, link_languages(), year)
    cached: dict[Hashable, list[str]] = current_app.extensions.setdefault(_KEY, {})
    # Not the present ones, which need the version of public content: a tenth of all calls of a sign-up (counted).
    parts = cached.get((about, *sections_lately()))
    if parts is None:
        if len(cached) >= _MOST:
            cached.clear()
        sections = sections_in_use()
        parts = cached[(about, *sections)] = _parts(render, len(words))
    escaped = [str(escape(word)) for word in words]
    # Every other part is the number of a word.
    return "".join(escaped[int(part)] if place % 2 else part for place, part in enumerate(parts))


def _parts(render: Callable[..., str], count: int) -> list[str]:
    """The page, cut at its words: text, the number of a word, text, …"""
    mark = f"w{secrets.token_hex(8)}"  # no page holds it, and nobody can know it
    page = render(*(f"{mark}{number}@{mark}" for number in range(count)))
    return re.split(rf"{mark}(\d+)@{mark}", page)
