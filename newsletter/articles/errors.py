"""The error for a saved page that is refused."""

from __future__ import annotations

from newsletter.core.errors import InvalidError


class PageError(InvalidError):
    """A saved page is no article page; nothing of it was stored.

    `line` counts from 1; it is None where no line can be named (a file that cannot be opened). `reason` is the message
    without the line.
    """

    def __init__(self, line: int | None, code: str, reason: str, /, **values: object) -> None:
        super().__init__(code, reason if line is None else f"Line %(line)s: {reason}", line=line, **values)
        self.line = line
        self.reason = reason % values


def quoted(text: str, longest: int = 40) -> str:
    """Words of the page in quotation marks, short enough for a sentence."""
    return f"“{text if len(text) <= longest else text[: longest - 1] + '…'}”"
