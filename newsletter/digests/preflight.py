"""The preflight: what must hold before a digest may be scheduled. It keeps the promises that readers are given."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from newsletter.core.config import Settings
from newsletter.core.languages import LANGUAGES
from newsletter.digests.models import Digest
from newsletter.digests.rendering import render_digest

LARGEST = 95_000
"""Bytes of HTML. Gmail clips a mail of more than about 100 kB, and with the end goes the unsubscribe link."""

_LOADING = {"src", "srcset", "background", "poster", "data"}
_CSS_LOADS = re.compile(r"url\s*\(|@import", re.IGNORECASE)
_TRACKING = re.compile(r"[?&](utm_\w+|mc_[ce]id|fbclid|gclid)=", re.IGNORECASE)


def find_problems(settings: Settings, digest: Digest) -> list[str]:
    """The reasons why the digest must not be sent, in sentences; an empty list when there is none."""
    if not digest.items:
        return ["It holds no article."]
    if not settings.mail_postal_address:
        return ["MAIL_POSTAL_ADDRESS is not set, and every mail must show a postal address."]
    rendered = [render_digest(digest, settings, language=language) for language in LANGUAGES]
    pages = [each.edition(each.full_mask)[0] for each in rendered]
    problems = []
    if (size := max(len(html.encode()) for html in pages)) > LARGEST:
        problems.append(
            f"Its HTML has {size:,} bytes, and mailboxes cut off all that follows {LARGEST:,}: it needs fewer articles."
        )
    return problems + list(dict.fromkeys(problem for html in pages for problem in remote_resources(html)))


def remote_resources(html: str) -> list[str]:
    """Find what `html` would load or report when opened or clicked (pixels, fonts, tracking), in sentences."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return finder.found


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, value in attrs:
            if name in _LOADING or (name == "href" and tag == "link"):
                self.found.append(f"It would load something from elsewhere (<{tag} {name}>).")
            elif name == "style" and _CSS_LOADS.search(value or ""):
                self.found.append(f"A style of <{tag}> would load something from elsewhere.")
            elif name == "href" and _TRACKING.search(value or ""):
                self.found.append("One of its links carries a tracking parameter.")
        if tag in ("script", "iframe", "object", "embed", "form"):
            self.found.append(f"It holds <{tag}>, which no mail of ours may.")

    def handle_data(self, data: str) -> None:
        if self._in_style and _CSS_LOADS.search(data):
            self.found.append("A style sheet in it would load something from elsewhere.")

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
