"""Why a saved page is refused."""

from __future__ import annotations

from newsletter.core.errors import InvalidError


class PageError(InvalidError):
    """A saved page cannot be taken as an article; nothing of it was stored.

    `line` counts from 1; it is None where no line can be named (a file that cannot be opened). `reason` is a sentence.
    """

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(reason if line is None else f"Line {line}: {reason}")
        self.line = line
        self.reason = reason


def quoted(text: str, longest: int = 40) -> str:
    """The page's own words, short enough for a sentence."""
    return f"“{text if len(text) <= longest else text[: longest - 1] + '…'}”"
