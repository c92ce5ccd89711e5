"""What a reader was sent: found in the ledger by the range and the packed list of each batch's ids."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.delivery.ledger.packing import position_of
from newsletter.digests.models import Digest
from newsletter.mail.outcomes import OUTCOME_NAMES


class SentDigest(NamedTuple):
    """A digest that a reader was among the recipients of."""

    digest_id: int
    subject: str
    at: datetime | None
    """When its recipients were written down, moments before the sending."""
    outcome: str
    """The word of `mail.outcomes` for it."""
    reason: str | None
    """Why it was refused."""


def digests_sent_to(session: Session, reader: int) -> list[SentDigest]:
    """The digests of a reader, the newest first.

    A digest has a batch or two for each edition whose range of ids holds the reader: an index finds these, whatever the
    size of the audience (tested with a million readers).
    """
    rows = session.execute(
        select(Batch.digest_id, Batch.recipients, Batch.outcomes)
        .where(Batch.first_id <= reader, Batch.last_id >= reader)
        .execution_options(yield_per=100)
    )
    outcomes = {}
    for digest_id, recipients, bytes_ in rows:
        place = position_of(packing.unpack_ids(recipients), reader)
        if place is not None:
            outcomes[digest_id] = OUTCOME_NAMES[bytes_[place]]
    reasons = dict(
        session.execute(select(Refusal.digest_id, Refusal.reason).where(Refusal.subscriber_id == reader)).all()
    )
    digests = session.execute(
        select(Digest.id, Digest.subject, Digest.frozen_at)
        .where(Digest.id.in_(outcomes))
        .order_by(Digest.frozen_at.desc(), Digest.id.desc())
    )
    return [SentDigest(*digest, outcomes[digest.id], reasons.get(digest.id)) for digest in digests]
