"""Content that no mail may hold: what loads from elsewhere, reports a reader, or runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from newsletter.digests.findings import Finding

_LOADING = {"src", "srcset", "background", "poster", "data"}
_FORBIDDEN = ("script", "iframe", "object", "embed", "form")
_CSS_LOADS = re.compile(r"url\s*\(|@import", re.IGNORECASE)
_TRACKING = re.compile(r"[?&](utm_\w+|mc_[ce]id|fbclid|gclid)=", re.IGNORECASE)


def find_foreign_content(html: str) -> list[Finding]:
    """Find what `html` would load, run or report when opened or clicked: pixels, fonts, scripts, tracking."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return finder.found


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Finding] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, value in attrs:
            if name in _LOADING or (name == "href" and tag == "link"):
                self.found.append(_loads(f"<{tag} {name}>"))
            elif name == "style" and _CSS_LOADS.search(value or ""):
                self.found.append(_loads(f"<{tag} style>"))
            elif name == "href" and (match := _TRACKING.search(value or "")):
                self.found.append(_tracks(match[1]))
        if tag in _FORBIDDEN:
            self.found.append(_forbidden(tag))

    def handle_data(self, data: str) -> None:
        if self._in_style and _CSS_LOADS.search(data):
            self.found.append(_loads("<style>"))

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def _loads(what: str) -> Finding:
    return Finding(
        "mail.remote_resource",
        "mail",
        "It would load something from elsewhere (%(what)s).",
        "Take that out of the template or the article.",
        {"what": what},
    )


def _tracks(parameter: str) -> Finding:
    return Finding(
        "mail.tracking_link",
        "mail",
        "One of its links carries the tracking parameter %(parameter)s.",
        "Take the parameter out of the link.",
        {"parameter": parameter},
    )


def _forbidden(tag: str) -> Finding:
    return Finding(
        "mail.forbidden_element",
        "mail",
        "It holds <%(tag)s>, which no mail of ours may.",
        "Take the element out of the template.",
        {"tag": tag},
    )
