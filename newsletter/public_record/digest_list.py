"""The list of all digests: what waits first, then what went out, the newest first.

It counts no readers itself: their numbers come from the tallies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session

from newsletter.core.cadence import Cadence
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
_ORDER = {DigestStatus.SENDING: 1, DigestStatus.PAUSED: 1, DigestStatus.SCHEDULED: 2, DigestStatus.DRAFT: 3}
"""Of digests that wait; those in doubt come before all of them."""


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


def digest_page(
    session: Session,
    *,
    before: int | None = None,
    cadence: Cadence | None = None,
    status: DigestStatus | None = None,
    words: str = "",
) -> tuple[list[ListedDigest], int | None]:
    """A page of the list, and the number before which the next one begins; None on the last. Eight queries at most."""
    conditions: list[ColumnElement[bool]] = []
    if cadence is not None:
        conditions.append(Digest.cadence == cadence)
    if status is not None:
        conditions.append(Digest.status == status)
    if words:
        conditions.append(_has_words(session, words))
    waiting = _waiting(session, conditions) if before is None else []
    older = [Digest.id < before] if before is not None else []
    query = select(Digest).where(Digest.status.in_(ENDED), *conditions, *older).order_by(Digest.id.desc())
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
    tallies = {each.digest_id: each for each in session.scalars(select(DigestTally).where(_of(DigestTally, frozen)))}
    refused = _counted(session, Refusal, frozen)
    bounced = _counted(session, Event, frozen, Event.kind == EventKind.BOUNCED)
    complained = _counted(session, Event, frozen, Event.kind == EventKind.COMPLAINED)
    in_doubt = _counted(session, Batch, frozen, Batch.state == BatchState.IN_DOUBT)
    return [
        _row(
            digest,
            tallies.get(digest.id),
            batches_in_doubt=in_doubt.get(digest.id, 0),
            refused=refused.get(digest.id, 0),
            bounced=bounced.get(digest.id, 0),
            complained=complained.get(digest.id, 0),
        )
        for digest in digests
    ]


def _row(
    digest: Digest,
    tally: DigestTally | None = None,
    *,
    batches_in_doubt: int = 0,
    refused: int | None = None,
    bounced: int | None = None,
    complained: int | None = None,
) -> ListedDigest:
    is_frozen = digest.frozen_at is not None
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
        batches_in_doubt=batches_in_doubt,
        recipients=tally.recipients if tally else None,
        accepted=tally.accepted if tally else None,
        in_doubt=tally.in_doubt if tally else None,
        refused=refused if is_frozen else None,
        bounced=bounced if is_frozen else None,
        complained=complained if is_frozen else None,
    )


def _of(
    model: type[DigestTally] | type[Refusal] | type[Event] | type[Batch], digests: Sequence[int]
) -> ColumnElement[bool]:
    return model.digest_id.in_(digests)


def _counted(
    session: Session,
    model: type[Refusal] | type[Event] | type[Batch],
    digests: Sequence[int],
    *conditions: ColumnElement[bool],
) -> dict[int, int]:
    """Rows of each digest that has any."""
    query = select(model.digest_id, func.count()).where(_of(model, digests), *conditions).group_by(model.digest_id)
    return {digest_id: count for digest_id, count in session.execute(query) if digest_id is not None}
