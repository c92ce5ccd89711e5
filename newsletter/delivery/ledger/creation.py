"""Creating a digest's editions and batches, once, at its freeze."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from newsletter.core.db import table_of
from newsletter.core.ids import DigestId
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, BatchState, Edition, EditionKey
from newsletter.mail.outcomes import SKIPPED, WAITING


def create_batches(
    session: Session,
    digest_id: DigestId,
    audience: Sequence[tuple[EditionKey, datetime | None, array[int]]],
    *,
    provider_schedule: bool,
) -> None:
    """Write the batches of an audience: of each edition and hour, the ids in rising order.

    Batches of an edition without articles are done at once: their recipients count as skipped. With a provider schedule
    the provider keeps the hours, so every batch may be claimed now.
    """
    editions = {key: Edition(digest_id=digest_id, **key._asdict()) for key in {key for key, _, _ in audience}}
    session.add_all(editions.values())
    session.flush()
    rows = [
        {
            "digest_id": digest_id,
            "edition_id": editions[key].id,
            "state": BatchState.READY if key.mask else BatchState.DONE,
            "due_at": due_at,
            "not_before": None if provider_schedule else due_at,
            "first_id": ids[0],
            "last_id": ids[-1],
            "recipients": packing.pack_ids(ids),
            "outcomes": bytes([WAITING if key.mask else SKIPPED]) * len(ids),
        }
        for key, due_at, all_ids in audience
        for ids in packing.split_batches(all_ids)
    ]
    if rows:
        session.connection().execute(table_of(Batch).insert(), rows)
