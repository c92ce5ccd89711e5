"""The lines before the section of a page, each optional: what the text of a saved page lacks.

    Language: de
    Markup: Markdown
    Written by: Ada Lovelace
    Checked by: Charles Babbage
    AI used for: the first draft, and the search for sources

They stand in any order. A language is a tag of BCP 47; Markup is Text or Markdown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.articles.errors import PageError, quoted
from newsletter.articles.models import Markup
from newsletter.articles.page_lines import LineUse, PageLines, plain
from newsletter.core.language_tags import canonical_tag

LONGEST_CREDIT = 200
"""Characters of a line about people or AI."""
DATE = re.compile(r"([A-Za-z]+)\.? ([0-9]{1,2}), ([0-9]{4})")
_CREDITS = {"written by": "written_by", "checked by": "checked_by", "ai used for": "ai_use"}
_NAMES = {"language", "markup", *_CREDITS}


@dataclass
class PageHead:
    """The values of the lines."""

    language: str | None = None
    """A canonical BCP 47 tag; None when the page says none."""
    markup: Markup | None = None
    written_by: str = ""
    checked_by: str = ""
    ai_use: str = ""


def read_head(page: PageLines) -> PageHead:
    """Take the lines before the section. Raises PageError for one that is wrong, or there already."""
    head, seen = PageHead(), set[str]()
    while (line := _head_line(page)) is not None:
        name, words = line
        page.take("the section")
        page.note(LineUse.HEAD)
        if name in seen:
            raise PageError(
                page.at, "page.repeated_line", "%(line_text)s stands there already.", line_text=quoted(f"{name}:")
            )
        seen.add(name)
        if name == "language":
            head.language = _language(page, words)
        elif name == "markup":
            head.markup = _markup(page, words)
        else:
            setattr(head, _CREDITS[name], _credit(page, words))
    return head


def _head_line(page: PageLines) -> tuple[str, str] | None:
    """The name, in small letters, and the words of the next line; None when the section comes next."""
    line = plain(page.peek())
    name, colon, words = line.partition(":")
    is_section = DATE.fullmatch(line.rpartition("·")[2].strip()) is not None
    return (name.lower(), words.strip()) if colon and name.lower() in _NAMES and not is_section else None


def _language(page: PageLines, words: str) -> str:
    tag = canonical_tag(words)
    if tag is None:
        raise PageError(
            page.at, "page.wrong_language", "%(language)s is no language tag like “de” or “pt-BR”.",
            language=quoted(words),
        )  # fmt: skip
    return tag


def _markup(page: PageLines, words: str) -> Markup:
    try:
        return Markup(words.lower())
    except ValueError:
        raise PageError(
            page.at, "page.wrong_markup", "The markup is %(markup)s, but it must be Text or Markdown.",
            markup=quoted(words),
        ) from None  # fmt: skip


def _credit(page: PageLines, words: str) -> str:
    if not words or len(words) > LONGEST_CREDIT:
        raise PageError(
            page.at, "page.wrong_credit", "This line should have 1 to %(most)d characters behind its colon.",
            most=LONGEST_CREDIT,
        )  # fmt: skip
    return words
