"""Freezing: a due digest is rendered, and its audience split into batches. Later edits elsewhere change nothing of it.

Reading and rendering happen before the transaction, which only writes: a million readers hold the lock for moments.
Readers who unsubscribe in between are found at sending, which looks at each status again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import CLOCK
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import DigestId
from newsletter.delivery.freezing import preparing
from newsletter.delivery.freezing.preparing import PreparedFreeze
from newsletter.delivery.freezing.untold_readers import other_carriers
from newsletter.delivery.ledger import restore_guard
from newsletter.delivery.ledger.creation import create_batches
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.delivery.ledger.restore_guard import RestoreWitness
from newsletter.delivery.sending import scheduled_sends
from newsletter.digests import lifecycle, preflight, queries
from newsletter.digests.findings import Finding, blocking, describe
from newsletter.digests.models import Digest, DigestCorrection, DigestStatus, PausedReason

log = logging.getLogger(__name__)


def due_digests(session: Session) -> list[int]:
    """Scheduled digests whose time has come, or with a provider schedule is near; oldest first."""
    now = clock.now()
    is_due = or_(
        Digest.scheduled_at <= now, and_(Digest.provider_schedule, Digest.scheduled_at <= now + scheduled_sends.AHEAD)
    )
    return list(
        session.scalars(
            select(Digest.id)
            .where(Digest.status == DigestStatus.SCHEDULED, is_due)
            .order_by(Digest.scheduled_at, Digest.id)
        )
    )


def freeze_digest(db: Database, settings: Settings, digest_id: int, witness: RestoreWitness | None = None) -> bool:
    """Freeze one scheduled digest and let its batches be claimed. The witness against restored backups is told.

    False when it is not scheduled any more, was changed while it was rendered, or when a digest that was frozen
    meanwhile took its letter's name or told of one of its corrections: then the next tick tries again. False too when
    the preflight, which looks once more, finds something that blocks: then the digest is paused and says why.
    """
    with db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        if digest.status != DigestStatus.SCHEDULED:
            return False
        problems = blocking(preflight.check_digest(session, settings, digest))
        prepared = None if problems else preparing.prepare_freeze(session, settings, digest)
    if prepared is None:
        _pause_blocked(db, digest, problems)
        return False
    try:
        with db.transaction() as session:
            if not lifecycle.begin_sending(session, digest.id, digest.version, prepared.letter_name, by=CLOCK):
                return False
            number = _write(session, digest, prepared)
    except _ToldMeanwhileError:
        return False
    if witness:
        witness.tell(number)
    log.info("digest %d is frozen for %d readers", digest_id, sum(len(ids) for ids in prepared.readers.values()))
    return True


class _ToldMeanwhileError(Exception):
    """Another digest was frozen with one of the corrections: some readers would be told twice."""


def _write(session: Session, digest: Digest, prepared: PreparedFreeze) -> int:
    """Write all that the freeze fixes; the number of its tick."""
    session.add_all(
        RenderedDigestRow(digest_id=digest.id, language=language, content=content)
        for language, content in prepared.rendered.items()
    )
    if digest.cadence != Cadence.CORRECTION:  # its own was written when it was drafted
        session.add_all(
            DigestCorrection(digest_id=digest.id, bit=len(digest.items) + number, revision_id=revision.id)
            for number, revision in enumerate(prepared.corrections)
        )
    batches = [(key.edition, key.due_at, ids) for key, ids in prepared.readers.items()]
    create_batches(session, DigestId(digest.id), batches, provider_schedule=digest.provider_schedule)
    number = restore_guard.count_freeze(session)
    # That row is locked now, so each freeze that was committed before this one is seen.
    if other_carriers(session, digest.id, prepared.corrections) != prepared.other_carriers:
        raise _ToldMeanwhileError
    return number


def _pause_blocked(db: Database, digest: Digest, problems: Sequence[Finding]) -> None:
    """Pause a digest that the preflight refuses, unless it was changed since it was read."""
    with db.transaction() as session:
        lifecycle.pause(session, digest.id, PausedReason.ERROR, describe(problems), version=digest.version, by=CLOCK)
    log.warning("digest %d is blocked by the preflight: %s", digest.id, ", ".join(each.code for each in problems))
