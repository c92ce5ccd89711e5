"""Today: what goes out next, what needs somebody, the last digest, drafts, readers."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Response

from newsletter.articles.desk_list import listed_drafts
from newsletter.core.runtime import runtime
from newsletter.digests.models import Digest, DigestStatus
from newsletter.public_record.digest_list import last_sent, newest_drafts
from newsletter.public_record.monthly_figures import last_counted
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk
from newsletter.web.desk.digest_words import digest_path, has_page, time_until
from newsletter.web.desk.live_parts import changed_parts
from newsletter.web.desk.needs_words import Need, list_needs
from newsletter.web.desk.value_cache import ValueCache
from newsletter.web.desk.versions import version_of
from newsletter.web.desk.wire import open_digests_now

NEEDS_SHOWN = 20
DRAFTS_SHOWN = 5
"""Of stories, and of digests."""


class Today(NamedTuple):
    """The live parts of the page."""

    version: str
    following: Digest | None
    """The digest that goes out next, or is going out."""
    needs: list[Need]


_today: ValueCache[str, Today] = ValueCache(2.0)


@desk.get("")
@desk.get("/", endpoint="home_with_slash")
@needs(Right.WRITE)
def home() -> str:
    """Today."""
    with runtime().db.reading() as session:
        last, drafts, figures = last_sent(session), newest_drafts(session, DRAFTS_SHOWN), last_counted(session, 2)
        stories = listed_drafts(session, DRAFTS_SHOWN)
    return render_desk(
        "home.html",
        **_values(_today.put("today", _look())),
        last=last,
        drafts=[(draft, digest_path(draft.id, draft.status)) for draft in drafts],
        stories=stories,
        figures=figures,
    )


@desk.get("/today")
@needs(Right.WRITE, is_activity=False)
def home_changes() -> Response:
    """The live parts of the page."""
    today = _today.get("today", _look)
    return changed_parts("_today.html", today.version, lambda: _values(today))


def _look() -> Today:
    found = open_digests_now()
    following = next(iter([*found.sending, *found.scheduled]), None)
    needs_somebody = list_needs(found)
    shown = (following and (following.id, following.version, _countdown(following)), needs_somebody)
    return Today(version_of(shown), following, needs_somebody)


def _values(today: Today) -> dict[str, Any]:
    following = today.following
    return {
        "version": today.version,
        "following": following,
        "countdown": _countdown(following) if following else "",
        "has_composer": has_page("desk.compose"),
        "needs": today.needs[:NEEDS_SHOWN],
        "more_needs": max(len(today.needs) - NEEDS_SHOWN, 0),
    }


def _countdown(digest: Digest) -> str:
    return time_until(digest.scheduled_at) if digest.status is DigestStatus.SCHEDULED and digest.scheduled_at else ""
