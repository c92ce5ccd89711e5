"""Parsing Markdown into tokens that hold nothing but what a reader may see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from newsletter.core.text_direction import keep_direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 100_000
"""Characters of a text that is published. The worst text of that length is rendered in a second."""
MOST_LINKED = 100_000
"""Characters of all link addresses of a text together. A definition that is used again and again makes a text of some
kilobytes a page of megabytes."""

_ADDRESS = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#]\S*)?|mailto:[^\s@?&]+@[^\s@?&]+", re.I)
"""Addresses without a user name, which can look like a host: "https://bank.example@evil.example/"."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SEPARATORS = str.maketrans("\u2028\u2029", "  ")
_HEADING = re.compile(r"h[1-6]")


def parse_block(text: str) -> list[Token]:
    """The tokens of a text. Its highest headings are h2, since the page has its own h1."""
    return _tidy(markdown_parser().parse(_printable(text.replace("\r\n", "\n").replace("\r", "\n"))))


def parse_line(text: str) -> list[Token]:
    """The tokens of one line, in which only emphasis, code and links count."""
    return _tidy(markdown_parser().parseInline(_printable(" ".join(text.split()))))


@cache
def markdown_parser() -> MarkdownIt:
    """The parser, with its renderer of HTML."""
    from markdown_it import MarkdownIt  # here: most processes render none

    parser = MarkdownIt("commonmark", {"html": False}).disable("image")
    parser.validateLink = is_allowed_link  # type: ignore[method-assign, assignment]
    return parser


def is_allowed_link(address: str) -> bool:
    """Whether a link may lead there; otherwise it stays as it was typed."""
    return _ADDRESS.fullmatch(address) is not None


def _printable(text: str) -> str:
    return keep_direction(_UNPRINTABLE.sub("", text.translate(_SEPARATORS)))


def _tidy(tokens: list[Token]) -> list[Token]:
    """Clean what entities like `&#8238;` brought in, lower the headings, and drop links that are too many."""
    linked = 0
    for token in tokens:
        if _HEADING.fullmatch(token.tag):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
        token.content = _printable(token.content)
        if token.children is not None:
            token.children = list(_within_limit(token.children, MOST_LINKED - linked))
            linked += sum(len(str(each.attrGet("href") or "")) for each in token.children)
    return tokens


def _within_limit(children: Sequence[Token], most: int) -> Iterator[Token]:
    """The tokens of a line, without the links behind `most` characters of addresses; their words stay."""
    is_open = False
    for token in children:
        token.content = _printable(token.content)
        if token.type == "link_open":
            most -= len(str(token.attrGet("href") or ""))
            is_open = most >= 0
            token.attrs.pop("title", None)
        if is_open or token.type not in ("link_open", "link_close"):
            yield token
