"""Applying events to readers: the same result in any order, and however often.

Each event is kept once for its dedupe_key. What ends a subscription suppresses the address and updates the reader in one
transaction; a stronger end (complained, bounced, left) replaces a weaker one. A report that is older than the reader's
last confirmation, or about a letter that is, ends nothing unless it is a complaint: the letter may have gone to another
address.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.core.actors import PROVIDER
from newsletter.core.ids import SuppressionKey
from newsletter.delivery.events import policy
from newsletter.delivery.events.models import Event
from newsletter.delivery.events.vocabulary import EventKind, ReaderEvent
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.packing import position_of
from newsletter.subscribers import lifecycle
from newsletter.subscribers.lifecycle import End
from newsletter.subscribers.models import Subscriber, SuppressionReason


class _Batch(NamedTuple):
    digest_id: int
    ids: array[int]
    attempted_at: datetime | None


class _Known(NamedTuple):
    """An event whose reader is found."""

    event: ReaderEvent
    reader: Subscriber
    batch: _Batch | None

    @property
    def digest_id(self) -> int | None:
        return self.batch.digest_id if self.batch else None

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.event.at, UTC)


def apply_events(session: Session, suppression_key: SuppressionKey, events: Sequence[ReaderEvent]) -> int:
    """Apply events; how many are about a reader that we know. Those about unknown readers or batches change nothing.

    A few queries for all of them together: give at most a thousand or so at a time.
    """
    known = _known(session, events)
    if known:
        _keep(session, known)
        ends = [end for one in known if (end := _end(one))]
        lifecycle.end(session, suppression_key, [*ends, *_worn_out(session, known)], by=PROVIDER)
    return len(known)


def _known(session: Session, events: Sequence[ReaderEvent]) -> list[_Known]:
    """The events with their readers, who are locked until the transaction ends, always in the same order."""
    batches = _batches(session, {event.batch for event in events if event.batch is not None})
    meant = [(event, reader) for event in events if (reader := _reader(event, batches)) is not None]
    rows = session.scalars(
        select(Subscriber)
        .where(Subscriber.id.in_({reader for _, reader in meant}))
        .order_by(Subscriber.id)
        .with_for_update(key_share=True)
    )
    readers = {row.id: row for row in rows}
    return [
        _Known(event, readers[reader], batches[event.batch] if event.batch is not None else None)
        for event, reader in meant
        if reader in readers
    ]


def _batches(session: Session, ids: set[int]) -> dict[int, _Batch]:
    if not ids:
        return {}
    columns = (Batch.id, Batch.digest_id, Batch.recipients, Batch.attempted_at)
    rows = session.execute(select(*columns).where(Batch.id.in_(ids)))
    return {number: _Batch(digest, packing.unpack_ids(ids), attempted_at) for number, digest, ids, attempted_at in rows}


def _reader(event: ReaderEvent, batches: dict[int, _Batch]) -> int | None:
    """Whom an event is about; None when its batch is unknown, or when batch, place and reader do not fit together."""
    if event.batch is None:
        return event.reader
    batch = batches.get(event.batch)
    if batch is None:
        return None
    if event.place is None:
        return event.reader if event.reader is not None and position_of(batch.ids, event.reader) is not None else None
    if event.place >= len(batch.ids) or event.reader not in (None, batch.ids[event.place]):
        return None
    return batch.ids[event.place]


def _keep(session: Session, known: Iterable[_Known]) -> None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    rows = [
        {
            "subscriber_id": one.reader.id,
            "digest_id": one.digest_id,
            "kind": str(one.event.kind),
            "dedupe_key": f"digest {one.digest_id}" if one.digest_id is not None else one.at.isoformat(),
            "reason": one.event.reason,
            "occurred_at": one.at,
        }
        for one in sorted(known, key=lambda one: one.reader.id)
    ]
    session.execute(insert(Event).on_conflict_do_nothing(), rows)


def _end(one: _Known) -> End | None:
    """How the event ends the subscription; None when it does not."""
    reason = policy.ENDS.get(one.event.listed or one.event.kind)
    if reason is None or (reason is not SuppressionReason.COMPLAINED and _is_old(one)):
        return None
    return End(one.reader, reason, one.at)


def _is_old(one: _Known) -> bool:
    """Whether the reader has confirmed since it happened, or since the letter was sent that it is about."""
    confirmed_at, sent_at = one.reader.confirmed_at, one.batch.attempted_at if one.batch else None
    if confirmed_at is None:
        return False
    return one.event.at < int(confirmed_at.timestamp()) or (sent_at is not None and sent_at < confirmed_at)


def _worn_out(session: Session, known: Iterable[_Known]) -> list[End]:
    readers = {one.reader.id: one.reader for one in known if one.event.kind is EventKind.SOFT_BOUNCED}
    if not readers:
        return []
    found = policy.too_many_soft_bounces(session, [(reader.id, reader.confirmed_at) for reader in readers.values()])
    return [End(readers[reader], SuppressionReason.BOUNCED, at) for reader, at in found.items()]
