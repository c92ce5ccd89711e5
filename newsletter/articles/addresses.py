"""Web addresses of articles and of their sources."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from newsletter.articles.changes import SMALL_CHANGE
from newsletter.articles.models import Revision
from newsletter.articles.revising import add_revision, current_revision, lock_article
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.errors import InvalidError, NotFoundError

LONGEST_ADDRESS = 2000
"""Characters."""
_PRINTABLE = re.compile(r"[^\s<>\"\x00-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def checked_address(text: str) -> str:
    """A web address that a link may lead to. Raises InvalidError for another text."""
    if len(text) > LONGEST_ADDRESS or not _PRINTABLE.fullmatch(text) or not _is_web_address(text):
        shown = ascii(text)[1:-1]
        raise InvalidError(
            "article.wrong_address",
            "“%(address)s” is no web address like https://example.org/story.",
            address=shown if len(shown) <= 80 else f"{shown[:79]}…",
        )
    return text


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def article_address(settings: Settings, slug: str, url: str | None) -> str:
    """The address at which a story is read: its own `url`, else what ARTICLE_URL makes of its slug, else our page."""
    if url:
        return url
    if settings.article_url:
        return settings.article_url.replace("{slug}", slug)
    return settings.url(public_paths.article(slug))


def set_article_address(session: Session, slug: str, url: str | None) -> None:
    """Say where an article is read; None: where all are. Raises NotFoundError, and InvalidError for a wrong address."""
    article = lock_article(session, slug)
    article.url = None if url is None else checked_address(url)


def set_source_addresses(session: Session, slug: str, addresses: Mapping[int, str]) -> Revision | None:
    """Set the addresses of sources by their numbers from 1, "" for none: a small change; None when nothing changes.

    Raises NotFoundError for an unknown slug or number, InvalidError for a wrong address, and ConflictError for a
    withdrawn article.
    """
    article = lock_article(session, slug)
    current = current_revision(session, article)
    sources = [dict(source) for source in current.sources_json]
    for number, address in addresses.items():
        if not 1 <= number <= len(sources):
            raise NotFoundError(
                "article.no_source",
                "“%(slug)s” has no source %(number)d, but %(count)d in all.",
                slug=slug,
                number=number,
                count=len(sources),
            )
        sources[number - 1]["url"] = checked_address(address) if address else ""
    return add_revision(session, article, {**current.content(), "sources_json": sources}, SMALL_CHANGE)
