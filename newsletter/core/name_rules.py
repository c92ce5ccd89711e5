"""Names of sections and hype labels: what editors write in pages and settings, and readers choose from."""

from __future__ import annotations

LONGEST_NAME = 60
"""Characters."""

REPLACEMENT = "\ufffd"
"""Stands for bytes that were no UTF-8, as in a file of another encoding: nobody can know what was meant."""


def is_name(text: str) -> bool:
    """Whether `text` can be a name: 1 to 60 printable characters, all of them known."""
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and REPLACEMENT not in text
