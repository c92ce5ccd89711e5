"""The digests that a reader was sent, and what was reported about the reader.

The digests are found in the ledger, by the range and the packed list of each batch's ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, Edition, Refusal
from newsletter.delivery.ledger.packing import position_of
from newsletter.delivery.reports.subjects import edition_subject
from newsletter.digests.models import Digest
from newsletter.mail.outcomes import IN_DOUBT, MOVED, OUTCOME_NAMES


class SentDigest(NamedTuple):
    """A digest with the reader among its recipients."""

    digest_id: int
    subject: str
    """The subject of the reader's own edition, or the digest's where the reader's edition has no article."""
    at: datetime | None
    """The moment of the freeze, shortly before the sending."""
    outcome: str
    """One of `mail.outcomes.OUTCOME_NAMES`; a reader is told "in_doubt" while a message is unanswered."""
    reason: str | None
    """The reason of a refusal."""


def digests_sent_to(session: Session, subscriber_id: int) -> list[SentDigest]:
    """The digests of a reader, the newest first.

    An index finds the batches whose range of ids holds the reader: one or two for each edition of a digest, whatever
    the size of the audience (tested with a million readers).
    """
    rows = session.execute(
        select(Batch.digest_id, Batch.recipients, Batch.outcomes, Edition.mask, Edition.language)
        .join(Batch.edition)
        .where(Batch.first_id <= subscriber_id, Batch.last_id >= subscriber_id)
        .execution_options(yield_per=100)
    )
    outcomes, editions = {}, {}
    for digest_id, recipients, outcome_bytes, mask, language in rows:
        position = position_of(packing.unpack_ids(recipients), subscriber_id)
        if position is not None and outcome_bytes[position] != MOVED:
            name = OUTCOME_NAMES[outcome_bytes[position]]
            outcomes[digest_id] = OUTCOME_NAMES[IN_DOUBT] if name == "unanswered" else name
            editions[digest_id] = mask, language
    reasons = dict(
        session.execute(select(Refusal.digest_id, Refusal.reason).where(Refusal.subscriber_id == subscriber_id)).all()
    )
    digests = session.execute(
        select(Digest.id, Digest.subject, Digest.frozen_at)
        .where(Digest.id.in_(outcomes))
        .order_by(Digest.frozen_at.desc(), Digest.id.desc())
    ).all()
    return [
        SentDigest(
            digest.id,
            edition_subject(session, digest.id, *editions[digest.id]) or digest.subject,
            digest.frozen_at,
            outcomes[digest.id],
            reasons.get(digest.id),
        )
        for digest in digests
    ]


def events_about(session: Session, subscriber_id: int) -> Sequence[Event]:
    """The reports about a reader, the newest first."""
    query = select(Event).where(Event.subscriber_id == subscriber_id)
    return session.scalars(query.order_by(Event.occurred_at.desc(), Event.id.desc())).all()
