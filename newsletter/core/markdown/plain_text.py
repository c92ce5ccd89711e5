"""Markdown as plain text: for the text part of mails, for previews, and for search."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from newsletter.core.markdown.parser import parse_block, parse_line

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

NARROWEST = 20
"""Columns that are left to words, however deep lists and quotes are nested."""


def block_text(text: str, *, columns: int | None = None) -> str:
    """A text with an empty line between two blocks, wrapped at `columns` where given; addresses stay whole."""
    from markdown_it.tree import SyntaxTreeNode

    return _blocks(SyntaxTreeNode(parse_block(text)).children, columns)


def line_text(text: str) -> str:
    """The words of one line, each link as "words (address)"."""
    from markdown_it.tree import SyntaxTreeNode

    return _words(SyntaxTreeNode(parse_line(text))).replace("\n", " ").strip()


def _blocks(nodes: Sequence[SyntaxTreeNode], columns: int | None, *, between: str = "\n\n") -> str:
    return between.join(filter(None, (_block(node, columns) for node in nodes)))


def _block(node: SyntaxTreeNode, columns: int | None) -> str:
    match node.type:
        case "blockquote":
            return _behind("> ", "> ", _blocks(node.children, _less(columns, 2)))
        case "bullet_list" | "ordered_list":
            return _list(node, columns)
        case "code_block" | "fence":
            return _behind("    ", "    ", node.content.rstrip("\n"))
        case "hr":
            return "* * *"
        case _:
            return _filled(_words(node), columns)


def _list(node: SyntaxTreeNode, columns: int | None) -> str:
    """The points of a list: close together, unless empty lines part them."""
    is_tight = all(block.hidden for item in node.children for block in item.children if block.type == "paragraph")
    between = "\n" if is_tight else "\n\n"
    first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    points: list[str] = []
    for index, item in enumerate(node.children):
        sign = "- " if first is None else f"{first + index}. "
        words = _blocks(item.children, _less(columns, len(sign)), between=between)
        points.append(_behind(sign, " " * len(sign), words) if words else sign.strip())
    return between.join(points)


def _words(node: SyntaxTreeNode) -> str:
    match node.type:
        case "text" | "code_inline":
            return node.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "link":
            return _link(node)
        case _:
            return "".join(_words(child) for child in node.children)


def _link(node: SyntaxTreeNode) -> str:
    words = "".join(_words(child) for child in node.children)
    address = str(node.attrs["href"])
    shown = address[len("mailto:") :] if address.lower().startswith("mailto:") else address
    return shown if words.strip() in ("", shown, address) else f"{words} ({shown})"


def _filled(words: str, columns: int | None) -> str:
    if columns is None:
        return words.strip()
    return "\n".join(
        textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False)
        for line in words.strip().split("\n")
    )


def _behind(first: str, further: str, text: str) -> str:
    """The text with `first` before its first line, and `further` before all others."""
    lines = text.split("\n")
    return "\n".join(
        (sign + line).rstrip() for sign, line in zip([first, *[further] * (len(lines) - 1)], lines, strict=True)
    )


def _less(columns: int | None, taken: int) -> int | None:
    return None if columns is None else max(columns - taken, NARROWEST)
