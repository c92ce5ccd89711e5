"""The list of all digests: what waits first, then what went out, the newest first.

It counts no readers itself: their numbers come from the tallies.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, or_, select, union_all
from sqlalchemy.orm import QueryableAttribute, Session

from newsletter.core.cadence import Cadence
from newsletter.core.db import unindexed
from newsletter.core.search import SearchQuery
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.digests import digest_search
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from newsletter.public_record.models import DigestTally

MOST_WAITING = 100
"""The most waiting digests that the first page shows."""
MOST_FOUND = 400
"""Digests with the words of a search, the newest."""
PAGE_SIZE = 25
"""Digests that ended, on a page."""

ENDED = (DigestStatus.SENT, DigestStatus.CANCELLED)
_STATUS = unindexed(Digest.status)
"""In the order of the list: by the index of the status SQLite reads all that ended, and sorts them."""
_ORDER = {DigestStatus.SENDING: 1, DigestStatus.PAUSED: 1, DigestStatus.SCHEDULED: 2, DigestStatus.DRAFT: 3}
"""Of digests that wait; those in doubt come before all of them."""
_REFUSED, _BOUNCED, _COMPLAINED, _IN_DOUBT = "refused", "bounced", "complained", "in_doubt"


@dataclass(frozen=True)
class ListedDigest:
    """A digest of the list. Figures are None before the freeze, and until the clock has counted them."""

    id: int
    version: int
    cadence: Cadence
    subject: str
    status: DigestStatus
    paused_reason: PausedReason | None
    created_at: datetime
    scheduled_at: datetime | None
    frozen_at: datetime | None
    sent_at: datetime | None
    batches_in_doubt: int
    recipients: int | None
    accepted: int | None
    in_doubt: int | None
    """Readers."""
    refused: int | None
    bounced: int | None
    complained: int | None

    @property
    def waits(self) -> bool:
        """Whether it is not sent or cancelled yet."""
        return self.status not in ENDED

    @property
    def skipped(self) -> int:
        """Of a digest that is sent: all others, for whom no story fitted, or who had unsubscribed by then."""
        others = (self.accepted or 0) + (self.refused or 0) + (self.in_doubt or 0)
        return max((self.recipients or 0) - others, 0)


def digest_page(
    session: Session,
    *,
    before: int | None = None,
    cadence: Cadence | None = None,
    status: DigestStatus | None = None,
    words: str = "",
) -> tuple[list[ListedDigest], int | None]:
    """A page of the list, and the number before which the next one begins; None on the last. Five queries at most."""
    conditions: list[ColumnElement[bool]] = []
    if cadence is not None:
        conditions.append(Digest.cadence == cadence)
    if status is not None:
        conditions.append(_STATUS.in_([status.value]))
    if words:
        conditions.append(_has_words(session, words))
    waiting = _waiting(session, conditions) if before is None else []
    older = [Digest.id < before] if before is not None else []
    query = (
        select(Digest)
        .where(_STATUS.in_([each.value for each in ENDED]), *conditions, *older)
        .order_by(Digest.id.desc())
    )
    ended = list(session.scalars(query.limit(PAGE_SIZE + 1)))
    page = ended[:PAGE_SIZE]
    following = page[-1].id if len(ended) > PAGE_SIZE else None
    return _listed(session, [*waiting, *page]), following


def _has_words(session: Session, words: str) -> ColumnElement[bool]:
    """The subject has the text, or what went out has the words: in the subject, or in the stories as they were sent."""
    in_subject = Digest.subject.icontains(words, autoescape=True)
    query = SearchQuery.parse(words)
    if query is None:
        return in_subject
    places = digest_search.INDEX.find(session, query, MOST_FOUND)
    return or_(in_subject, Digest.id.in_([place.number for place in places]))


def last_sent(session: Session) -> ListedDigest | None:
    """The digest that was sent last; None before the first."""
    query = select(Digest).where(Digest.status == DigestStatus.SENT)
    found = session.scalars(query.order_by(Digest.sent_at.desc(), Digest.id.desc()).limit(1)).all()
    return next(iter(_listed(session, found)), None)


def _waiting(session: Session, conditions: Sequence[ColumnElement[bool]]) -> list[Digest]:
    doubted = select(Batch.digest_id).where(Batch.state == BatchState.IN_DOUBT)
    rank = case((Digest.id.in_(doubted), 0), *((Digest.status == each, place) for each, place in _ORDER.items()))
    query = select(Digest).where(Digest.status.in_(_ORDER), *conditions)
    return list(session.scalars(query.order_by(rank, Digest.scheduled_at, Digest.id.desc()).limit(MOST_WAITING)))


def _listed(session: Session, digests: Sequence[Digest]) -> list[ListedDigest]:
    frozen = [digest.id for digest in digests if digest.frozen_at is not None]
    if not frozen:
        return [_row(digest) for digest in digests]
    tallies = {
        each.digest_id: each for each in session.scalars(select(DigestTally).where(DigestTally.digest_id.in_(frozen)))
    }
    counts = _count(session, frozen)
    return [_row(digest, tallies.get(digest.id), counts.get(digest.id)) for digest in digests]


def _row(digest: Digest, tally: DigestTally | None = None, counts: Counter[str] | None = None) -> ListedDigest:
    is_frozen, counts = digest.frozen_at is not None, counts or Counter()
    return ListedDigest(
        digest.id,
        digest.version,
        digest.cadence,
        digest.subject,
        digest.status,
        digest.paused_reason,
        digest.created_at,
        digest.scheduled_at,
        digest.frozen_at,
        digest.sent_at,
        batches_in_doubt=counts[_IN_DOUBT],
        recipients=tally.recipients if tally else None,
        accepted=tally.accepted if tally else None,
        in_doubt=tally.in_doubt if tally else None,
        refused=counts[_REFUSED] if is_frozen else None,
        bounced=counts[_BOUNCED] if is_frozen else None,
        complained=counts[_COMPLAINED] if is_frozen else None,
    )


def _count(session: Session, digests: Sequence[int]) -> Mapping[int, Counter[str]]:
    """Refused readers, bounces, complaints and batches in doubt of each digest, in one statement."""
    queries = (
        _counted(Refusal.digest_id, literal(_REFUSED), digests),
        _counted(Event.digest_id, literal(_BOUNCED), digests).where(Event.kind == EventKind.BOUNCED),
        _counted(Event.digest_id, literal(_COMPLAINED), digests).where(Event.kind == EventKind.COMPLAINED),
        _counted(Batch.digest_id, literal(_IN_DOUBT), digests).where(Batch.state == BatchState.IN_DOUBT),
    )
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for digest_id, name, count in session.execute(union_all(*queries)):
        counts[digest_id][name] = count
    return counts


def _counted(column: QueryableAttribute[Any], name: ColumnElement[str], digests: Sequence[int]) -> Select[Any]:
    """The rows of each digest that has any."""
    return select(column, name, func.count()).where(column.in_(digests)).group_by(column)
