"""Tokens as HTML that was cleaned of all but a few elements and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from newsletter.core.markdown.parser import markdown_parser

if TYPE_CHECKING:
    from markdown_it.token import Token
    from nh3 import Cleaner

_INLINE = ("a", "br", "code", "em", "strong")
_BLOCKS = ("blockquote", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul")
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_OURS = {"class", "dir", "style"}
"""Attributes that Markdown cannot write: renderers add them."""
DIRECTED = ("h2", "h3", "h4", "h5", "h6", "li", "p")
"""Elements of words, each of which may run in a direction of its own."""


def render_html(tokens: Sequence[Token], added: Mapping[str, Mapping[str, str]]) -> Markup:
    """The HTML of tokens, with `added` attributes by the names of elements.

    The parser's HTML is sound; a cleaner follows all the same. The same tokens become the same bytes in each process
    (so the cleaner adds none of the attributes itself: it would do so in any order).
    """
    parser = markdown_parser()
    for token in _each(tokens):
        if token.type == "fence":  # no word of the language beside the fence
            token.type = "code_block"
        name = "pre" if token.type == "code_block" else token.tag
        if token.nesting >= 0 and name in added:
            token.attrs = {**token.attrs, **added[name]}
    return Markup(_cleaner().clean(str(parser.renderer.render(tokens, parser.options, {}))))  # noqa: S704 - cleaned


def _each(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


@cache
def _cleaner() -> Cleaner:
    from nh3 import Cleaner

    return Cleaner(
        tags={*_INLINE, *_BLOCKS},
        attributes={tag: _OURS | _ATTRIBUTES.get(tag, set()) for tag in (*_INLINE, *_BLOCKS)},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )
