"""The formats of a mail."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The format of a reader's mails: HTML with a text part beside it, or text alone."""

    HTML = "html"
    TEXT = "text"
