"""The lines of a saved page: decoding and checking the bytes, and walking along the lines."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import islice

from newsletter.articles.errors import PageError
from newsletter.core.storable_text import is_storable
from newsletter.core.text_direction import keep_direction

LARGEST = 1_000_000
"""Bytes. The real page has 4,000; a far larger file is something else."""

# Category Cc but tab and newline, and the two code points that XML 1.0 (section 2.2) forbids besides: none can be part
# of a text, and terminals, mail headers and feeds would each do something else with them. Zero-width characters are
# text.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")

# Unicode's own line ends would split a mail header (`str.splitlines` knows them); in a page they are white space.
_SEPARATORS = str.maketrans("\u2028\u2029", "  ")


def lines(data: bytes | str) -> list[str]:
    """The lines of a text file, without their ends: UTF-8, with or without a byte order mark, LF, CRLF or CR.

    Characters that turn text around are left out (`keep_direction`).

    Raises PageError for a file that is empty, larger than LARGEST, not UTF-8, or holds control characters.
    """
    text = _decoded(data).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").translate(_SEPARATORS)
    if not text.strip():
        raise PageError(1, "page.empty", "The file is empty.")
    if forbidden := _FORBIDDEN.search(text):
        line, character = text.count("\n", 0, forbidden.start()) + 1, forbidden.group()
        if character == "\0":
            raise PageError(line, "page.binary", "This is a binary file, not a page saved as text.")
        number = f"U+{ord(character):04X}"
        raise PageError(
            line, "page.control_character", "The line holds a control character (%(number)s).", number=number
        )
    return [keep_direction(line) for line in text.split("\n")]


def plain(line: str) -> str:
    """A line with plain single spaces: pages are saved with non-breaking ones, too."""
    return " ".join(line.split())


def one_line(text: str) -> str | None:
    """A text on one line, without characters that turn it around; None if it holds one that cannot be shown."""
    line = keep_direction(" ".join(text.split()))
    return line if is_storable(line) and not _FORBIDDEN.search(line) else None


def _decoded(data: bytes | str) -> str:
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > LARGEST:
        largest = f"{LARGEST:,}"
        raise PageError(
            1, "page.too_large", "The file is larger than %(largest)s bytes, as no article page is.", largest=largest
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        raise PageError(before.count(b"\n") + 1, "page.not_utf8", "The line is not UTF-8 text.") from error


class LineUse(StrEnum):
    """The uses that lines of a page were taken for."""

    LEFT_OUT = "left_out"
    """On purpose: buttons, and the site's own words around the article."""
    HEAD = "head"
    """Facts that the saved text lacks (`page_head`)."""
    SECTION_AND_DATE = "section_and_date"
    HEADLINE = "headline"
    DEK = "dek"
    TRUST = "trust"
    TRUST_PART = "trust_part"
    HYPE = "hype"
    SOURCE_COUNT = "source_count"
    POINT = "point"
    BODY = "body"
    HEADING = "heading"
    """Of TL;DR or of the sources."""
    SOURCE = "source"


class PageLines:
    """The lines of a page, the position of the next one, and what those before were taken for."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.uses: dict[int, LineUse] = {}
        """By the number of the line, from 1. Lines without text have none."""
        self.at = 0
        """Index of the next line; so it is also the number, from 1, of the line taken last."""

    def peek(self, further: int = 0) -> str:
        """The next line with text (or, `further`, one after it); "" at the end."""
        rest = (self.lines[index].strip() for index in range(self.at, len(self.lines)))
        return next(islice(filter(None, rest), further, None), "")

    def take(self, what: str) -> str:
        """The next line with text, which should be `what`; that word stands in the error if there is none."""
        while self.at < len(self.lines):
            self.at += 1
            if line := self.lines[self.at - 1].strip():
                return line
        raise PageError(self.last, "page.cut_off", "The page is cut off: %(missing)s should follow here.", missing=what)

    def note(self, use: LineUse, number: int | None = None) -> None:
        """Say what the line taken last was taken for, or the one with this number."""
        self.uses[number or self.at] = use

    @property
    def last(self) -> int:
        """The number of the last line with text."""
        return max((number for number, line in enumerate(self.lines, 1) if line.strip()), default=1)
