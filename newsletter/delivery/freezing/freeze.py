"""Freezing: a due digest is rendered, and its audience split into batches. Later edits elsewhere change nothing of it.

Reading and rendering happen before the transaction, which only writes: a million readers hold the lock for moments.
Readers who unsubscribe in between are found at sending, which looks at each status again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.actors import CLOCK
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import DigestId
from newsletter.delivery.freezing import audience
from newsletter.delivery.freezing.carried_corrections import carry, readers_to_tell, tells_only
from newsletter.delivery.ledger import restore_guard
from newsletter.delivery.ledger.creation import create_batches
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.delivery.ledger.restore_guard import RestoreWitness
from newsletter.delivery.sending import scheduled_sends
from newsletter.digests import letter_names, lifecycle, preflight, queries
from newsletter.digests.findings import Finding, blocking, describe
from newsletter.digests.models import Digest, DigestCorrection, DigestStatus, PausedReason
from newsletter.digests.rendering import RenderedDigest, render_digest

log = logging.getLogger(__name__)

OVERDUE = "Its time passed while nothing was running: resume it to send it now, or cancel it."


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


def pause_overdue(session: Session, after: timedelta) -> list[int]:
    """Pause digests whose time passed longer ago than `after`: nobody expects them now; their numbers."""
    return lifecycle.pause_open(
        session,
        (DigestStatus.SCHEDULED,),
        PausedReason.OVERDUE,
        OVERDUE,
        by=CLOCK,
        scheduled_before=clock.now() - after,
    )


def freeze_digest(db: Database, settings: Settings, digest_id: int, witness: RestoreWitness | None = None) -> bool:
    """Freeze one scheduled digest and let its batches be claimed. The witness against restored backups is told.

    False when it is not scheduled any more, was changed while it was rendered, or lost its letter's name to a digest
    that was frozen meanwhile: then the next tick tries again. False too when the preflight, which looks once more,
    finds something that blocks: then the digest is paused and says why.
    """
    with db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        if digest.status != DigestStatus.SCHEDULED:
            return False
        problems = blocking(preflight.check_digest(session, settings, digest))
        prepared = None if problems else _prepare(session, settings, digest)
    if prepared is None:
        _pause_blocked(db, digest, problems)
        return False
    with db.transaction() as session:
        if not lifecycle.begin_sending(session, digest.id, digest.version, prepared.letter_name, by=CLOCK):
            return False
        session.add_all(
            RenderedDigestRow(digest_id=digest.id, language=language, content=content)
            for language, content in prepared.rendered.items()
        )
        session.add_all(
            DigestCorrection(digest_id=digest.id, bit=bit, revision_id=revision.id)
            for bit, revision in prepared.corrections.items()
        )
        batches = [(key.edition, key.due_at, ids) for key, ids in prepared.readers.items()]
        create_batches(session, DigestId(digest.id), batches, provider_schedule=digest.provider_schedule)
        number = restore_guard.count_freeze(session)
    if witness:
        witness.tell(number)
    log.info("digest %d is frozen for %d readers", digest_id, sum(len(ids) for ids in prepared.readers.values()))
    return True


class _Prepared(NamedTuple):
    letter_name: str
    readers: audience.Audience
    rendered: Mapping[str, bytes]
    """By language."""
    corrections: Mapping[int, Revision]
    """Those that go along and were not the digest's own, by their bits."""


def _prepare(session: Session, settings: Settings, digest: Digest) -> _Prepared:
    scheduled_at = digest.scheduled_at or clock.now()
    begins, day = max(scheduled_at, clock.now()), scheduled_at.astimezone(settings.timezone).date()
    letter_name = letter_names.next_letter_name(session, day, digest.cadence)
    everyone = audience.read_audience(session, settings, digest.cadence, digest.revisions, begins=begins)
    to_tell, articles, is_correction = readers_to_tell(session, digest, everyone), len(digest.items), tells_only(digest)

    def with_corrections(count: int) -> tuple[audience.Audience, Mapping[str, RenderedDigest]]:
        readers = carry(to_tell, count, articles, only_told=is_correction)
        corrections, languages = to_tell.corrections[:count], {key.edition.language for key in readers}
        return readers, {
            each: render_digest(digest, settings, letter_name, corrections=corrections, day=day, language=each)
            for each in languages
        }

    count = to_tell.most(articles)
    readers, rendered = with_corrections(count)
    # A correction never blocks a digest: one that makes it too large waits for the next.
    while count and not is_correction and any(each.most_html_bytes > preflight.LARGEST for each in rendered.values()):
        count -= 1
        readers, rendered = with_corrections(count)
    carried = {} if is_correction else {articles + n: each for n, each in enumerate(to_tell.corrections[:count])}
    return _Prepared(letter_name, readers, {name: each.to_json() for name, each in rendered.items()}, carried)


def _pause_blocked(db: Database, digest: Digest, problems: Sequence[Finding]) -> None:
    """Pause a digest that the preflight refuses, unless it was changed since it was read."""
    with db.transaction() as session:
        lifecycle.pause(session, digest.id, PausedReason.ERROR, describe(problems), version=digest.version, by=CLOCK)
    log.warning("digest %d is blocked by the preflight: %s", digest.id, ", ".join(each.code for each in problems))
