"""Candidates: the articles that a draft could take. Those that no digest had come first, by their trust."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, bindparam, exists, select
from sqlalchemy.orm import Session

from newsletter.articles import article_search
from newsletter.articles.grades import HIGH_TRUST
from newsletter.articles.listed import is_listed
from newsletter.articles.models import Article, Revision
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.db import plain_rows, table_of
from newsletter.core.search import SearchQuery
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from newsletter.digests.picked_articles import PERIOD

MOST_RECENT, MOST_OLDER, MOST_NEWEST, MOST_FOUND = 30, 8, 10, 40
OLDER_FOR = timedelta(days=60)
"""The time before the last digest within which an unused article of high trust is still offered."""

SEARCHED = 400
"""Articles with the words of a search that are looked at for its other conditions, the newest first."""

_NOT_USED = (DigestStatus.DRAFT, DigestStatus.CANCELLED)
_TRUST = re.compile(r"\btrust\s+(\d{1,3})\b", re.IGNORECASE)
_UNUSED = re.compile(r"\bunused\b", re.IGNORECASE)


class Use(NamedTuple):
    """A digest that had an article."""

    digest_id: int
    cadence: Cadence
    day: date


class Candidate(NamedTuple):
    """An article that a draft could take, or holds."""

    article_id: int
    slug: str
    language: str
    section: str
    date: date
    title: str
    trust: int
    is_held: bool
    uses: Sequence[Use] = ()
    """By other digests that were scheduled or sent, the newest first."""


class Candidates(NamedTuple):
    """The candidates of a draft in groups, none of which has an article of another."""

    since: date
    """The day of the last digest of the cadence, or as far back as a digest of the cadence looks."""
    last: int | None
    """The number of that digest, if there is one."""
    recent: Sequence[Candidate]
    older: Sequence[Candidate]
    """Unused and of high trust."""
    used: Sequence[Candidate]
    """In the last digest of the cadence."""
    newest: Sequence[Candidate]
    """The newest of any day and use, where the other groups are empty."""


_LISTING = (
    select(*(table_of(Article if name == "slug" else Revision).c[name] for name in Candidate._fields[:7]))
    .select_from(table_of(Revision).join(table_of(Article)))
    .where(is_listed())
)
_WAS_USED = exists(
    select(DigestArticle.id)
    .join(Digest, Digest.id == DigestArticle.digest_id)
    .where(
        DigestArticle.article_id == Revision.article_id,
        Digest.id != bindparam("digest"),
        Digest.status.not_in(_NOT_USED),
    )
)
"""Whether another digest, scheduled or sent, has the article at any revision."""
_BY_TRUST = (Revision.trust.desc(), Revision.date.desc(), Revision.article_id.desc())
_BY_DAY = (Revision.date.desc(), Revision.article_id.desc())

# Made once: a page took longer to make them than to run them.
_RECENT = _LISTING.where(Revision.date >= bindparam("since")).order_by(_WAS_USED, *_BY_TRUST).limit(MOST_RECENT)
_OLDER = (
    _LISTING.where(Revision.date < bindparam("since"), Revision.date >= bindparam("first"))
    .where(Revision.trust >= HIGH_TRUST, ~_WAS_USED)
    .order_by(*_BY_TRUST)
    .limit(MOST_OLDER)
)
_IN_LAST = _LISTING.where(
    Revision.article_id.in_(select(DigestArticle.article_id).where(DigestArticle.digest_id == bindparam("last")))
).order_by(*_BY_TRUST)
_USES = (
    select(DigestArticle.article_id, Digest.id, Digest.cadence, Digest.scheduled_at)
    .join(Digest, Digest.id == DigestArticle.digest_id)
    .where(DigestArticle.article_id.in_(bindparam("articles", expanding=True)), Digest.id != bindparam("digest"))
    .where(Digest.status.not_in(_NOT_USED), Digest.scheduled_at.is_not(None))
    .order_by(Digest.scheduled_at.desc(), Digest.id.desc())
)
_NEWEST = _LISTING.order_by(*_BY_DAY).limit(MOST_NEWEST)
_LAST = (
    select(Digest.id, Digest.frozen_at)
    .where(Digest.cadence == bindparam("cadence"), Digest.id != bindparam("digest"), Digest.frozen_at.is_not(None))
    .order_by(Digest.frozen_at.desc())
    .limit(1)
)


class _Last(NamedTuple):
    """The last digest of a cadence."""

    id: int
    frozen_at: datetime


def find_candidates(session: Session, digest: Digest, zone: ZoneInfo) -> Candidates:
    """The candidates of a draft without a search."""
    last = _last_digest(session, digest)
    since = _since(digest, last, zone)
    recent = plain_rows(session, _RECENT, {"since": since, "digest": digest.id}).all()
    older = plain_rows(session, _OLDER, {"since": since, "first": since - OLDER_FOR, "digest": digest.id}).all()
    used = plain_rows(session, _IN_LAST, {"last": last.id}).all() if last else []
    shown = {row.article_id for row in recent}
    newest = plain_rows(session, _NEWEST).all() if not (recent or older or used) else []
    groups = [recent, older, [row for row in used if row.article_id not in shown], newest]
    return Candidates(since, last and last.id, *_with_uses(session, digest, groups, zone))


def search_candidates(session: Session, digest: Digest, text: str, zone: ZoneInfo) -> Sequence[Candidate]:
    """The newest articles that fit a search: words, "trust 80" for the least trust, "unused"."""
    conditions: list[ColumnElement[bool]] = []
    values = {"digest": digest.id}
    if found := _TRUST.search(text):
        conditions.append(Revision.trust >= int(found[1]))
    if _UNUSED.search(text):
        conditions.append(~_WAS_USED)
    query = SearchQuery.parse(_UNUSED.sub(" ", _TRUST.sub(" ", text)))
    if query is not None:
        places = article_search.INDEX.find(session, query, SEARCHED if conditions else MOST_FOUND)
        conditions.append(Revision.article_id.in_([place.number for place in places]))
    elif not conditions:
        return ()
    listing = _LISTING.where(*conditions).order_by(*_BY_DAY).limit(MOST_FOUND)
    (candidates,) = _with_uses(session, digest, [plain_rows(session, listing, values).all()], zone)
    return candidates


def begins_after(session: Session, digest: Digest, zone: ZoneInfo) -> date:
    """The earliest day of an article that is new to the readers of a draft."""
    return _since(digest, _last_digest(session, digest), zone)


def _last_digest(session: Session, digest: Digest) -> _Last | None:
    row = plain_rows(session, _LAST, {"cadence": digest.cadence, "digest": digest.id}).one_or_none()
    return _Last._make(row) if row else None


def _since(digest: Digest, last: _Last | None, zone: ZoneInfo) -> date:
    if last is not None:
        return last.frozen_at.astimezone(zone).date()
    return (clock.now().astimezone(zone) - PERIOD.get(digest.cadence, PERIOD[Cadence.WEEKLY])).date()


def _with_uses(
    session: Session, digest: Digest, groups: Iterable[Sequence[Row[Any]]], zone: ZoneInfo
) -> list[tuple[Candidate, ...]]:
    groups = list(groups)
    uses = find_uses(session, digest, {row.article_id for group in groups for row in group}, zone)
    held = {revision.article_id for revision in digest.revisions}
    return [
        tuple(Candidate._make((*row, row.article_id in held, tuple(uses.get(row.article_id, ())))) for row in group)
        for group in groups
    ]


def find_uses(session: Session, digest: Digest, article_ids: Collection[int], zone: ZoneInfo) -> dict[int, list[Use]]:
    """The other digests, scheduled or sent, that have each of these articles, the newest first."""
    rows = plain_rows(session, _USES, {"articles": list(article_ids), "digest": digest.id})
    uses: dict[int, list[Use]] = defaultdict(list)
    for article_id, digest_id, cadence, scheduled_at in rows:
        if scheduled_at is not None:
            uses[article_id].append(Use(digest_id, cadence, scheduled_at.astimezone(zone).date()))
    return uses
