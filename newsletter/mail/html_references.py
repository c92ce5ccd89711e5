"""The references of an HTML text: what it loads when it is opened, and where its links lead."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple

_LOADING = {"src", "srcset", "background", "poster", "data"}
_CSS_LOADS = re.compile(r"""url\s*\(\s*["']?([^"')]*)|@import\s+["']?([^"';]*)""", re.IGNORECASE)


class Load(NamedTuple):
    """Something that a mail program would fetch."""

    place: str
    """The element and the attribute, such as "<img src>"."""
    address: str


class MailLink(NamedTuple):
    """A link, with the words that stand for it."""

    address: str
    words: str


class References(HTMLParser):
    """The references of one text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[Load] = []
        self.links: list[MailLink] = []
        self.elements: list[str] = []
        """The names of all elements, in order."""
        self._in_style = False
        self._open: str | None = None
        """The address of the link that is open."""
        self._words: list[str] = []
        self.feed(html)
        self.close()
        self._end_link()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        self.elements.append(tag)
        for name, value in attrs:
            if name in _LOADING or (name == "href" and tag in ("link", "base")):
                self.loads.append(Load(f"<{tag} {name}>", value or ""))
            elif name == "style":
                self._add_css(f"<{tag} style>", value or "")
            elif name == "http-equiv" and (value or "").strip().lower() == "refresh":
                self.loads.append(Load(f"<{tag} {name}>", dict(attrs).get("content") or ""))
            elif name in ("href", "xlink:href"):
                self._end_link()
                self._open = value or ""

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self._add_css("<style>", data)
        self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
        if tag in ("a", "area"):
            self._end_link()

    def handle_comment(self, data: str) -> None:
        """Outlook reads what stands in a conditional comment."""
        _, found, html = data.partition("]>")
        if found and data.lstrip().startswith("[if"):
            hidden = References(html)
            self.loads += hidden.loads
            self.links += hidden.links
            self.elements += hidden.elements

    def _end_link(self) -> None:
        if self._open is not None:
            self.links.append(MailLink(self._open, " ".join("".join(self._words).split())))
        self._open, self._words = None, []

    def _add_css(self, place: str, css: str) -> None:
        self.loads += [Load(place, found[1] or found[2] or "") for found in _CSS_LOADS.finditer(css)]
