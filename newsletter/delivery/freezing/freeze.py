"""Freezing: a due digest becomes a letter, editions and batches. From then on nothing edited elsewhere changes it.

Reading and rendering happen before the transaction, which only writes: a million readers hold the lock for moments.
Readers who leave in between are found by the sender, who looks at each status again.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.delivery.freezing import audience
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, BatchState, Edition, RenderedDigestRow
from newsletter.delivery.sending import scheduled_sends
from newsletter.digests import queries, rendering
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from newsletter.mail.outcomes import SKIPPED, WAITING

log = logging.getLogger(__name__)

OVERDUE = "Its time passed while nothing was running: resume it to send it now, or cancel it."


def due_digests(session: Session) -> list[int]:
    """Scheduled digests whose time has come, or, of those that are handed over ahead, is near; oldest first."""
    now = clock.now()
    its_time = or_(
        Digest.scheduled_at <= now, and_(Digest.provider_schedule, Digest.scheduled_at <= now + scheduled_sends.AHEAD)
    )
    return list(
        session.scalars(
            select(Digest.id)
            .where(Digest.status == DigestStatus.SCHEDULED, its_time)
            .order_by(Digest.scheduled_at, Digest.id)
        )
    )


def pause_overdue(session: Session, after: timedelta) -> list[int]:
    """Digests whose time passed longer ago than `after` are not sent unasked: they are paused; their numbers."""
    return list(
        session.scalars(
            update(Digest)
            .where(Digest.status == DigestStatus.SCHEDULED, Digest.scheduled_at < clock.now() - after)
            .values(status=DigestStatus.PAUSED, paused_reason=PausedReason.OVERDUE, paused_note=OVERDUE)
            .returning(Digest.id)
            .execution_options(synchronize_session=False)
        )
    )


def freeze_digest(db: Database, settings: Settings, digest_id: int) -> bool:
    """Freeze one scheduled digest and let its batches be claimed. False when somebody else already did."""
    with db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        if digest.status != DigestStatus.SCHEDULED:
            return False
        scheduled_at, provider_schedule = digest.scheduled_at, digest.provider_schedule
        begins = max(scheduled_at, clock.now()) if scheduled_at else clock.now()
        readers = audience.read_audience(session, settings, digest.cadence, digest.revisions, begins=begins)
        languages = {wanted.edition.language for wanted in readers}
        letters = {each: rendering.render_digest(digest, settings, language=each).to_json() for each in languages}
    with db.transaction() as session:
        if not _take(session, digest_id, scheduled_at, provider_schedule=provider_schedule):
            return False
        session.add_all(
            RenderedDigestRow(digest_id=digest_id, language=language, content=frozen)
            for language, frozen in letters.items()
        )
        _write_batches(session, digest_id, readers, provider_schedule=provider_schedule)
    log.info("digest %d is frozen for %d readers", digest_id, sum(len(ids) for ids in readers.values()))
    return True


def _take(session: Session, digest_id: int, scheduled_at: object, *, provider_schedule: bool = False) -> bool:
    """Only one freezer gets past this, and only if the digest was not moved or cancelled meanwhile."""
    taken = session.execute(
        update(Digest)
        .where(
            Digest.id == digest_id,
            Digest.status == DigestStatus.SCHEDULED,
            Digest.scheduled_at == scheduled_at,
            Digest.provider_schedule == provider_schedule,
        )
        .values(status=DigestStatus.SENDING, frozen_at=clock.now())
        .returning(Digest.id)
    ).one_or_none()
    return taken is not None


def _write_batches(session: Session, digest_id: int, readers: audience.Audience, *, provider_schedule: bool) -> None:
    editions = {key: Edition(digest_id=digest_id, **key._asdict()) for key in {wanted.edition for wanted in readers}}
    session.add_all(editions.values())
    session.flush()
    rows = [
        {
            "digest_id": digest_id,
            "edition_id": editions[wanted.edition].id,
            # Nobody's letter is done at once: these readers are counted, as skipped, and never claimed.
            "state": BatchState.READY if wanted.edition.mask else BatchState.DONE,
            "due_at": wanted.due_at,
            # What is handed over ahead is kept until then by the provider.
            "not_before": None if provider_schedule else wanted.due_at,
            "first_id": ids[0],
            "last_id": ids[-1],
            "recipients": packing.pack_ids(ids),
            "outcomes": bytes([WAITING if wanted.edition.mask else SKIPPED]) * len(ids),
        }
        for wanted, all_ids in readers.items()
        for ids in packing.split_batches(all_ids)
    ]
    if rows:
        session.connection().execute(table_of(Batch).insert(), rows)
