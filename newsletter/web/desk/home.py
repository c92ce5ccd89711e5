"""Today: what goes out next, what needs somebody, the last digest, drafts, readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Response, request

from newsletter.articles.desk_list import listed_drafts
from newsletter.core.cadence import Cadence
from newsletter.core.runtime import runtime
from newsletter.digests.draft_list import DraftDigest, newest_drafts
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import get_with_articles
from newsletter.public_record.digest_list import last_sent
from newsletter.public_record.monthly_figures import last_counted
from newsletter.staff import audit
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk, signed_in
from newsletter.web.desk.cached_findings import known_findings
from newsletter.web.desk.cached_preferences import live_preferences
from newsletter.web.desk.compose_editions import Matrix, matrix_of
from newsletter.web.desk.compose_words import maker_name
from newsletter.web.desk.digest_words import time_until
from newsletter.web.desk.live_parts import changed_parts
from newsletter.web.desk.needs_words import Need, list_needs
from newsletter.web.desk.sending_words import duration
from newsletter.web.desk.value_cache import ValueCache
from newsletter.web.desk.versions import version_of
from newsletter.web.desk.wire import open_digests_now

NEEDS_SHOWN = 20
EDITIONS_SHOWN = 6
DRAFTS_SHOWN = 5
"""Of stories, and of digests."""


class Today(NamedTuple):
    """The live parts of the page."""

    version: str
    following: Digest | None
    """The digest that goes out next, or is going out."""
    needs: list[Need]
    editions: Matrix | None
    """Of the digest that goes out next, once its readers were counted."""
    blocks: bool
    """Whether a finding keeps it from going out."""

    @property
    def waits_for_count(self) -> bool:
        """Whether the readers of the next digest are to be counted, by the first poll."""
        return self.following is not None and _has_editions(self.following) and self.editions is None


_today: ValueCache[str, Today] = ValueCache(2.0)


@desk.get("")
@desk.get("/", endpoint="home_with_slash")
@needs(Right.WRITE)
def home() -> str:
    """Today."""
    today = _look(is_poll=request.args.get("count") == "editions")
    with runtime().db.reading() as session:
        last, drafts, figures = last_sent(session), newest_drafts(session, DRAFTS_SHOWN), last_counted(session, 2)
        stories = listed_drafts(session, DRAFTS_SHOWN)
        names = audit.names(session) if drafts or stories else {}
    return render_desk(
        "home.html",
        **_values(today if today.waits_for_count else _today.put("today", today)),
        last=last,
        took=duration(last.sent_at - last.frozen_at) if last and last.sent_at and last.frozen_at else "",
        drafts=[(draft, _who(draft, names)) for draft in drafts],
        stories=[(story, names.get(story.saved_by, "")) for story in stories],
        figures=figures,
    )


@desk.get("/today")
@needs(Right.WRITE, is_activity=False)
def home_changes() -> Response:
    """The live parts of the page."""
    today = _today.get("today", lambda: _look(is_poll=True))
    return changed_parts("_today.html", today.version, lambda: _values(today))


def _look(*, is_poll: bool) -> Today:
    found = open_digests_now()
    following = next(iter([*found.sending, *found.scheduled]), None)
    needs_somebody = list_needs(found)
    editions = _editions(following, is_poll=is_poll)
    blocks = following is not None and bool(known_findings(following.id, following.version))
    shown = (following and (following.id, following.version, _countdown(following)), needs_somebody, editions, blocks)
    return Today(version_of(shown), following, needs_somebody, editions, blocks)


def _editions(following: Digest | None, *, is_poll: bool) -> Matrix | None:
    """The readers of a scheduled digest by edition. One that is sent has them on its page, as they were frozen."""
    if following is None or not _has_editions(following):
        return None
    counted = live_preferences(following.cadence, is_poll=is_poll)
    if counted is None:
        return None
    with runtime().db.reading() as session:
        return matrix_of(get_with_articles(session, following.id), counted, most_rows=EDITIONS_SHOWN)


def _has_editions(digest: Digest) -> bool:
    return digest.status == DigestStatus.SCHEDULED and digest.cadence != Cadence.CORRECTION


def _values(today: Today) -> dict[str, Any]:
    following = today.following
    return {
        "version": today.version,
        "following": following,
        "countdown": _countdown(following) if following else "",
        "editions": today.editions,
        "waits_for_count": today.waits_for_count,
        "blocks": today.blocks,
        "needs": today.needs[:NEEDS_SHOWN],
        "more_needs": max(len(today.needs) - NEEDS_SHOWN, 0),
    }


def _who(draft: DraftDigest, names: Mapping[int, str]) -> str:
    """The person who changed a draft last; empty as long as nobody did."""
    return maker_name(draft.by_kind, draft.by_id, names, signed_in().member_id) if draft.by_kind else ""


def _countdown(digest: Digest) -> str:
    return time_until(digest.scheduled_at) if digest.status is DigestStatus.SCHEDULED and digest.scheduled_at else ""
