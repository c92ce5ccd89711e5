"""Counts of the readers who were told of corrections, as the ledger knows them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.cadence import Cadence
from newsletter.delivery.ledger.models import Batch, Edition
from newsletter.digests.models import Digest, DigestCorrection
from newsletter.mail.outcomes import ACCEPTED


class ToldBy(NamedTuple):
    """A digest that told readers of a correction."""

    digest_id: int
    cadence: Cadence
    letter_name: str | None
    """The end of its permanent address."""
    scheduled_at: datetime | None
    readers: int
    """Those whose mail with the correction was accepted."""


def told_by(session: Session, revision_ids: Collection[int]) -> Mapping[int, Sequence[ToldBy]]:
    """The frozen digests with each of these corrections, the earliest first, by the id of its revision.

    Two queries. They read an outcome byte for each reader of an edition with a correction, whatever else is in the
    database: 1 ms for 1,000 batches of 1,000 readers on the way to Python's count.
    """
    carried = session.execute(
        select(
            DigestCorrection.revision_id,
            DigestCorrection.bit,
            Digest.id,
            Digest.cadence,
            Digest.letter_name,
            Digest.scheduled_at,
        )
        .join(Digest, Digest.id == DigestCorrection.digest_id)
        .where(DigestCorrection.revision_id.in_(revision_ids), Digest.frozen_at.is_not(None))
        .order_by(Digest.frozen_at, Digest.id)
    ).all()
    accepted = _accepted(session, {row.id for row in carried})
    found: dict[int, list[ToldBy]] = {revision_id: [] for revision_id in revision_ids}
    for row in carried:
        readers = sum(count for mask, count in accepted[row.id].items() if mask >> row.bit & 1)
        found[row.revision_id].append(ToldBy(row.id, row.cadence, row.letter_name, row.scheduled_at, readers))
    return found


def _accepted(session: Session, digest_ids: Collection[int]) -> Mapping[int, Counter[int]]:
    """The accepted mails of each edition that holds a correction of these digests, by digest and mask."""
    found: dict[int, Counter[int]] = defaultdict(Counter)
    bits = (
        select(DigestCorrection.id)
        .where(DigestCorrection.digest_id == Edition.digest_id)
        .where(Edition.mask.bitwise_rshift(DigestCorrection.bit).bitwise_and(1) == 1)
    )
    rows = session.execute(
        select(Batch.digest_id, Edition.mask, Batch.outcomes)
        .join(Batch.edition)
        .where(Batch.digest_id.in_(digest_ids), bits.exists())
        .execution_options(yield_per=500)
    )
    for digest_id, mask, outcomes in rows:
        found[digest_id][mask] += outcomes.count(ACCEPTED)
    return found
