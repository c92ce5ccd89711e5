"""Text that every database takes. Text from outside is checked before it becomes a value of a statement.

PostgreSQL refuses NUL, and no encoder takes half a surrogate pair, which JSON can spell. One such value would fail the
statement, and with it everything else in the transaction.
"""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """`text` without them."""
    return _UNSTORABLE.sub("", text)


def is_storable(text: str) -> bool:
    """Whether `text` holds neither NUL nor half a surrogate pair."""
    return _UNSTORABLE.search(text) is None
