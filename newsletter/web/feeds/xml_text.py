"""Text for XML and for readers of feeds."""

from __future__ import annotations

import re

from newsletter.core.text_direction import keep_direction

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Characters that XML forbids (w3.org/TR/xml, 2.2) or advises against: a single one makes a feed unreadable."""


def xml_text(text: str) -> str:
    """`text` without the characters that XML forbids."""
    return _UNWRITABLE.sub("", text)


def one_line(text: str) -> str:
    """A title: on one line, and without characters that would turn around what stands beside it."""
    return keep_direction(" ".join(xml_text(text).split()))
