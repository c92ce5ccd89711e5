"""Markdown as HTML of pages and feeds."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from newsletter.core.markdown.parser import parse_block, parse_line
from newsletter.core.markdown.rendering import DIRECTED, render_html

_ADDED = {name: {"dir": "auto"} for name in DIRECTED}


@lru_cache(maxsize=64)
def block_html(text: str) -> Markup:
    """A text as HTML. The last ones are kept rendered, for the pages of a story that many read."""
    return render_html(parse_block(text), _ADDED)


@lru_cache(maxsize=512)
def line_html(text: str) -> Markup:
    """One line as HTML, without an element around it."""
    return render_html(parse_line(text), _ADDED)
