"""Tallies: the figures of each digest, counted from its batches by the clock.

A digest is counted once a minute while it can change: until it is closed, and for a day after its freeze, since answers
come late; and once more when it was sent.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import dialect_insert, raise_version
from newsletter.core.ids import DigestId
from newsletter.delivery.ledger.models import Batch, BatchState, Edition, EditionKey
from newsletter.delivery.letters import letter_list
from newsletter.delivery.sending.message_cache import MessageCache
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, MOVED
from newsletter.mail.public_copy import public_copy
from newsletter.mail.tracking import Tracking
from newsletter.public_record.models import DigestTally

COUNT_EVERY = timedelta(minutes=1)
COUNT_FOR = timedelta(days=1)
"""After the freeze, also of a digest that is closed."""

_CLOSED = (DigestStatus.SENT, DigestStatus.CANCELLED)


def digests_to_tally(session: Session) -> list[int]:
    """The digests whose figures may have changed since they were counted, oldest first."""
    now, tallied_at = clock.now(), DigestTally.tallied_at
    can_change = or_(Digest.status.not_in(_CLOSED), Digest.frozen_at > now - COUNT_FOR)
    query = (
        select(Digest.id)
        .outerjoin(DigestTally, DigestTally.digest_id == Digest.id)
        .where(Digest.frozen_at.is_not(None))
        .where(
            or_(
                tallied_at.is_(None),
                Digest.sent_at > tallied_at,
                and_(can_change, tallied_at <= now - COUNT_EVERY),
            )
        )
        .order_by(Digest.id)
    )
    return list(session.scalars(query))


def tally_digest(session: Session, settings: Settings, digest_id: int) -> None:
    """Count a digest that was frozen."""
    digest = session.get_one(Digest, digest_id)
    known = session.get(DigestTally, digest_id)
    counted = _count(session, digest_id)
    edition_id, readers = counted.commonest_edition
    edition_copy = known.edition_copy if known is not None and known.edition_id == edition_id else None
    if edition_id is not None and edition_copy is None:
        edition_copy = zlib.compress(_edition_copy(session, settings, digest_id, edition_id))
    values: dict[str, object] = {
        "day": _time_of(digest).astimezone(settings.timezone).date(),
        "recipients": counted.recipients,
        "accepted": counted.accepted.total(),
        "in_doubt": counted.in_doubt,
        "requests": counted.tracking.total(),
        "tracking_off": counted.tracking[Tracking.OFF],
        "tracking_not_offered": counted.tracking[Tracking.NOT_OFFERED],
        "edition_id": edition_id,
        "edition_readers": readers,
        "edition_copy": edition_copy,
    }
    if known is None or any(getattr(known, name) != value for name, value in values.items()):
        raise_version(session)
    values["tallied_at"] = clock.now()
    statement = dialect_insert(session, DigestTally).values(digest_id=digest_id, **values)
    session.connection().execute(statement.on_conflict_do_update(index_elements=["digest_id"], set_=values))


def latest_letter(session: Session) -> tuple[Digest | None, int | None]:
    """The last letter with its stories, and the readers who were sent it, once it is sent and was counted after that:
    one query.
    """
    is_final = and_(DigestTally.digest_id == Digest.id, DigestTally.tallied_at >= Digest.sent_at)
    query = letter_list.select_latest_letter().outerjoin(DigestTally, is_final).add_columns(DigestTally.accepted)
    found = session.execute(query).unique().first()
    return (found[0], found[1]) if found else (None, None)


@dataclass
class _Counted:
    recipients: int = 0
    accepted: Counter[int] = field(default_factory=Counter)
    """By edition."""
    in_doubt: int = 0
    tracking: Counter[Tracking] = field(default_factory=Counter)
    """Batches with a request, by its tracking."""

    @property
    def commonest_edition(self) -> tuple[int | None, int]:
        """The edition with the most accepted mails (of equal ones the first), and how many; (None, 0) without any."""
        edition_id = min(self.accepted, key=lambda each: (-self.accepted[each], each), default=None)
        readers = self.accepted[edition_id] if edition_id is not None else 0
        return (edition_id, readers) if readers else (None, 0)


def _count(session: Session, digest_id: int) -> _Counted:
    counted = _Counted()
    batches = select(Batch.state, Batch.edition_id, Batch.outcomes, Batch.tracking).where(Batch.digest_id == digest_id)
    for state, edition_id, outcomes, tracking in session.execute(batches.execution_options(yield_per=100)):
        counted.recipients += len(outcomes) - outcomes.count(MOVED)
        counted.accepted[edition_id] += outcomes.count(ACCEPTED)
        if state != BatchState.SENDING:  # until its answer is recorded, a batch says the worst of itself
            counted.in_doubt += outcomes.count(IN_DOUBT)
            if tracking is not None:
                counted.tracking[tracking] += 1
    return counted


def _edition_copy(session: Session, settings: Settings, digest_id: int, edition_id: int) -> bytes:
    edition = session.get_one(Edition, edition_id)
    key = EditionKey(edition.mask, edition.language, edition.format)
    return public_copy(MessageCache(settings).message(session, DigestId(digest_id), key))


def _time_of(digest: Digest) -> datetime:
    """The digest's own time: its frozen mails may go ahead of it to a provider that keeps them."""
    assert digest.frozen_at is not None
    return digest.scheduled_at or digest.frozen_at
