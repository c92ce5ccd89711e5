"""Counts of the readers that a digest would have if it were frozen now, by the mask of their edition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.delivery.freezing.audience import count_masks, read_audience
from newsletter.delivery.freezing.carried_corrections import assign_corrections, carry
from newsletter.digests.models import Digest
from newsletter.digests.pending_corrections import pending_corrections


class MaskCounts(NamedTuple):
    """The corrections that would go along, in the order of their bits, and the readers of each mask."""

    corrections: Sequence[Revision]
    masks: Counter[int]


def count_by_mask(session: Session, settings: Settings, digest: Digest) -> MaskCounts:
    """Count the readers of each mask. While no correction is pending the database counts them."""
    begins = max(digest.scheduled_at or clock.now(), clock.now())
    who = (session, settings, digest.cadence, digest.revisions)
    pending = pending_corrections(session, digest)
    if not pending:
        return MaskCounts((), count_masks(*who, begins=begins))
    corrected = assign_corrections(session, digest, pending, read_audience(*who, begins=begins))
    masks: Counter[int] = Counter()
    for key, ids in carry(corrected, digest, len(corrected.corrections)).items():
        masks[key.edition.mask] += len(ids)
    return MaskCounts(corrected.corrections, masks)
