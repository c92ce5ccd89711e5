"""Counts of the readers who were told of a correction, or are about to be, from the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.delivery.freezing.audience import read_audience
from newsletter.delivery.freezing.carried_corrections import readers_to_tell
from newsletter.delivery.ledger.models import Batch, Edition
from newsletter.digests.models import Digest, DigestCorrection, DigestStatus
from newsletter.mail.outcomes import ACCEPTED


class ToldBy(NamedTuple):
    """A digest that told readers of a correction."""

    digest_id: int
    cadence: Cadence
    letter_name: str | None
    scheduled_at: datetime | None
    readers: int
    """Those whose mail was accepted."""


class CorrectionToCome(NamedTuple):
    """A correction that a digest would carry, if it were frozen now."""

    revision: Revision
    readers: int


def told_by(session: Session, revision_ids: Collection[int]) -> Mapping[int, Sequence[ToldBy]]:
    """The digests that told of each of these corrections, the earliest first, by the revision's id.

    Reads one byte for each recipient of these digests.
    """
    carried = session.execute(
        select(DigestCorrection.revision_id, DigestCorrection.bit, Digest)
        .join(Digest, Digest.id == DigestCorrection.digest_id)
        .where(DigestCorrection.revision_id.in_(revision_ids), Digest.frozen_at.is_not(None))
        .order_by(Digest.frozen_at, Digest.id)
    ).all()
    accepted: dict[int, Counter[int]] = defaultdict(Counter)
    for digest_id, mask, outcomes in session.execute(
        select(Batch.digest_id, Edition.mask, Batch.outcomes)
        .join(Batch.edition)
        .where(Batch.digest_id.in_({digest.id for _, _, digest in carried}))
        .execution_options(yield_per=500)
    ):
        accepted[digest_id][mask] += outcomes.count(ACCEPTED)
    found: dict[int, list[ToldBy]] = {revision_id: [] for revision_id in revision_ids}
    for revision_id, bit, digest in carried:
        readers = sum(count for mask, count in accepted[digest.id].items() if mask >> bit & 1)
        told = ToldBy(digest.id, digest.cadence, digest.letter_name, digest.scheduled_at, readers)
        found[revision_id].append(told)
    return found


def corrections_to_come(session: Session, settings: Settings, digest: Digest) -> Sequence[CorrectionToCome]:
    """The corrections that a digest which is not frozen yet would carry, and the readers of each. Size may still leave
    some to the next digest.
    """
    begins = max(digest.scheduled_at or clock.now(), clock.now())
    to_tell = readers_to_tell(
        session, digest, read_audience(session, settings, digest.cadence, digest.revisions, begins=begins)
    )
    count = to_tell.most(len(digest.items))
    return [CorrectionToCome(each, to_tell.readers(n)) for n, each in enumerate(to_tell.corrections[:count])]


def told_or_to_come(session: Session, settings: Settings, digest: Digest) -> Sequence[tuple[Revision, int]]:
    """The corrections of a digest with their readers: those who were told, or would be if it were frozen now."""
    if digest.frozen_at is None:
        return [] if digest.status == DigestStatus.CANCELLED else list(corrections_to_come(session, settings, digest))
    told = told_by(session, [revision.id for revision in digest.corrections])
    return [
        (revision, sum(each.readers for each in told[revision.id] if each.digest_id == digest.id))
        for revision in digest.corrections
    ]
