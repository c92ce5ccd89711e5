"""WebSub (w3.org/TR/websub): telling a hub that feeds have something new, so that it tells their readers at once.

The hub gets one form post with the addresses of all feeds, and fetches what it has subscribers for. Feeds are polled
all the same, so a post that is lost or refused is logged and not repeated: the next revision brings the next one.
"""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import quote, urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.articles.queries import sections
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.db import public_content
from newsletter.core.runtime import Runtime
from newsletter.delivery.letters import letter_list

log = logging.getLogger(__name__)

TIMEOUT = 10
"""Seconds for each read; the job ends the whole."""
FEEDS = ("stories", "corrections", "letters")
FORMS = ("rss", "atom", "json")


def is_due(runtime: Runtime) -> bool:
    """Whether the hub does not know of the newest revision or letter."""
    with runtime.db.reading() as session:
        return not public_content.is_told(session, _state(session))


def tell_hub(runtime: Runtime) -> None:
    """Tell the hub, unless it was told or none is set. Of two workers one does it."""
    settings = runtime.settings
    if not settings.websub_hub:
        return
    with runtime.db.transaction() as session:
        is_ours = public_content.claim_telling(session, _state(session))
        topics = [*_topics(settings, sections(session))] if is_ours else []
    if topics:
        _post(settings.websub_hub, topics)


def _state(session: Session) -> str:
    """The state of the feeds; empty while there is nothing in them, as in a new database."""
    revisions, letters = session.scalar(select(func.max(Revision.id))), letter_list.count_letters(session)
    return f"{revisions}/{letters}" if revisions else ""


def _topics(settings: Settings, names: list[str]) -> Iterator[str]:
    for form in FORMS:
        for feed in FEEDS:
            yield settings.url(public_paths.feed(feed, form))
        for section in names:
            yield settings.url(public_paths.section_feed(quote(section), form))


def _post(hub: str, topics: list[str]) -> None:
    form = [("hub.mode", "publish"), *(("hub.url", topic) for topic in topics)]
    request = urllib.request.Request(hub, urlencode(form).encode(), method="POST")  # noqa: S310 - a setting
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
            log.info("the hub knows of the feeds (status %d)", answer.status)
    except (OSError, HTTPException) as error:  # an answer that is no 2xx is an OSError too
        log.warning("the hub was not told of the feeds (%s)", getattr(error, "code", type(error).__name__))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treats a redirect as an error: followed, it would become a GET."""

    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        return None
