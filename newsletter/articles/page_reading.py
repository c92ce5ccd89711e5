"""Reading a saved page before anything is stored: each line with what it was taken for.

The parser refuses a page for a single line that it does not understand. Here such a line is left out and marked, as
long as the others make an article page without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from newsletter.articles.errors import PageError
from newsletter.articles.page import ParsedPage, parse_lines
from newsletter.articles.page_lines import LineUse, PageLines, lines
from newsletter.articles.rubric_parts import RubricPart

MOST_DROPPED = 20
"""Lines that are not understood; a page with more is something else."""
_DROPPABLE = {
    "page.no_section",
    "page.repeated_line",
    "page.wrong_language",
    "page.wrong_markup",
    "page.wrong_credit",
    "page.unknown_part",
    "page.repeated_part",
    "page.no_hype",
    "page.no_source_count",
    "page.stray_tldr",
    "page.no_source",
}
"""Errors about a line that can be missing, or that stands before the one that was expected."""


class ReadLine(NamedTuple):
    """A line with text."""

    number: int
    text: str
    use: LineUse | None
    """None for one that was not understood, or not reached."""
    reason: str = ""
    """Why it was not understood."""


class PageReading(NamedTuple):
    """A page as it was read; either `page` or `error` is there."""

    lines: list[ReadLine]
    page: ParsedPage | None = None
    error: PageError | None = None

    @property
    def not_understood(self) -> list[ReadLine]:
        return [line for line in self.lines if line.reason]

    @property
    def taken(self) -> int:
        """The number of lines that are part of the article."""
        return sum(line.use not in (None, LineUse.LEFT_OUT) for line in self.lines)

    def count(self, *uses: LineUse) -> int:
        """The number of lines that were taken for one of these."""
        return sum(line.use in uses for line in self.lines)


def read_page(data: bytes | str, hype_labels: Sequence[str], parts: Sequence[RubricPart]) -> PageReading:
    """Read a saved page. It is never refused: an error stands at its line."""
    try:
        texts = lines(data)
    except PageError as error:
        return PageReading([], error=error)
    dropped: dict[int, str] = {}
    refused: PageReading | None = None
    while True:
        page = PageLines(["" if number in dropped else text for number, text in enumerate(texts, 1)])
        try:
            parsed = parse_lines(page, hype_labels, parts=parts)
        except PageError as error:
            number = error.line or 0
            refused = refused or PageReading(_read(texts, page, {number: error.reason}), error=error)
            if error.code not in _DROPPABLE or number in dropped or len(dropped) == MOST_DROPPED:
                return refused
            dropped[number] = error.reason
        else:
            return PageReading(_read(texts, page, dropped), parsed)


def split_pages(text: str) -> list[str]:
    """The pages of a text in which several were pasted one after the other: each begins with "Skip to content"."""
    pages: list[list[str]] = [[]]
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.strip() == "Skip to content" and any(each.strip() for each in pages[-1]):
            pages.append([])
        pages[-1].append(line)
    return ["\n".join(each) for each in pages if any(line.strip() for line in each)]


def _read(texts: Sequence[str], page: PageLines, reasons: dict[int, str]) -> list[ReadLine]:
    return [
        ReadLine(number, text.strip(), None if number in reasons else page.uses.get(number), reasons.get(number, ""))
        for number, text in enumerate(texts, 1)
        if text.strip()
    ]
