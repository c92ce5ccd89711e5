"""Applying events to readers: the same result in any order, and however often.

Each event is stored once for its dedupe_key. An event that ends a subscription suppresses the address and changes the
reader in one transaction; a stronger end (complained, bounced, unsubscribed) replaces a weaker one. A report that is
older than the reader's last confirmation, or about a digest that is, ends nothing unless it is a complaint: that digest
may have gone to another address.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import PROVIDER
from newsletter.core.db import insert_ignoring
from newsletter.core.ids import SuppressionKey
from newsletter.delivery.events import ending_events, soft_bounces, stored_reports
from newsletter.delivery.events.event_kinds import EventKind, ReaderEvent
from newsletter.delivery.events.models import Event, StoredReport
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.packing import position_of
from newsletter.mail import return_path
from newsletter.subscribers import reported_ends
from newsletter.subscribers.models import Subscriber, SuppressionReason
from newsletter.subscribers.reported_ends import End


class _SentBatch(NamedTuple):
    digest_id: int
    ids: array[int]
    attempted_at: datetime | None


class _MatchedEvent(NamedTuple):
    """An event whose reader is found."""

    event: ReaderEvent
    reader: Subscriber
    batch: _SentBatch | None

    @property
    def digest_id(self) -> int | None:
        return self.batch.digest_id if self.batch else None

    @property
    def sent_at(self) -> datetime | None:
        """When the mail was sent that the event is about, if that is known."""
        if self.batch:
            return self.batch.attempted_at
        return None if self.event.sent_at is None else datetime.fromtimestamp(self.event.sent_at, UTC)

    @property
    def key(self) -> tuple[int, str, str]:
        """The key of its row."""
        return self.reader.id, self.event.kind, self.dedupe_key

    @property
    def dedupe_key(self) -> str:
        """The mail that the event is about; the event's own time where the mail is not known."""
        if self.digest_id is not None:
            return f"digest {self.digest_id}"
        return f"mail {self.sent_at.isoformat()}" if self.sent_at else self.at.isoformat()

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.event.at, UTC)


def apply_events(session: Session, suppression_key: SuppressionKey, events: Sequence[ReaderEvent]) -> int:
    """Apply events; the number of those about a known reader. All others change nothing.

    It takes a few queries for all of them together: give at most a thousand or so at a time.
    """
    matched = _match_readers(session, suppression_key, events)
    if matched:
        matched = _without_doubtful_listings(session, matched)
        _store(session, matched)
        withdrawn = _withdrawn(session, matched)
        ends = [end for event in matched if event.key not in withdrawn and (end := _end_by(event))]
        ends += _ends_by_soft_bounces(session, matched)
        reported_ends.end(session, suppression_key, ends, by=PROVIDER)
    return len(matched)


def _match_readers(
    session: Session, suppression_key: SuppressionKey, events: Sequence[ReaderEvent]
) -> list[_MatchedEvent]:
    """The events with their readers, who are locked until the transaction ends, always in the same order."""
    batches = _sent_batches(session, {event.batch_id for event in events if event.batch_id is not None})
    named = [(event, number) for event in events if (number := _subscriber_id(event, batches)) is not None]
    rows = session.scalars(
        select(Subscriber)
        .where(Subscriber.id.in_({number for _, number in named}))
        .order_by(Subscriber.id)
        .with_for_update(key_share=True)
    )
    readers = {row.id: row for row in rows}
    return [
        _MatchedEvent(event, readers[number], batches[event.batch_id] if event.batch_id is not None else None)
        for event, number in named
        if number in readers and _went_to(event, readers[number], suppression_key)
    ]


def _went_to(event: ReaderEvent, reader: Subscriber, suppression_key: SuppressionKey) -> bool:
    """Whether the mail went to the reader's present address, as far as the event says where it went."""
    key = return_path.return_path_key(suppression_key)
    return not event.address_tag or event.address_tag == return_path.address_tag(key, reader.address)


def _sent_batches(session: Session, batch_ids: set[int]) -> dict[int, _SentBatch]:
    if not batch_ids:
        return {}
    columns = (Batch.id, Batch.digest_id, Batch.recipients, Batch.attempted_at)
    rows = session.execute(select(*columns).where(Batch.id.in_(batch_ids)))
    return {
        batch_id: _SentBatch(digest_id, packing.unpack_ids(recipients), attempted_at)
        for batch_id, digest_id, recipients, attempted_at in rows
    }


def _subscriber_id(event: ReaderEvent, batches: dict[int, _SentBatch]) -> int | None:
    """The subscriber whom an event is about.

    None when its batch is unknown, or when batch, position and subscriber do not fit together.
    """
    named = event.subscriber_id
    if event.batch_id is None:
        return named
    batch = batches.get(event.batch_id)
    if batch is None:
        return None
    if event.position is None:
        return named if named is not None and position_of(batch.ids, named) is not None else None
    if event.position >= len(batch.ids) or named not in (None, batch.ids[event.position]):
        return None
    return batch.ids[event.position]


def _store(session: Session, matched: Iterable[_MatchedEvent]) -> None:
    rows = [
        {
            "subscriber_id": one.reader.id,
            "digest_id": one.digest_id,
            "kind": one.event.kind,
            "dedupe_key": one.dedupe_key,
            "reason": one.event.reason,
            "occurred_at": one.at,
        }
        for one in sorted(matched, key=lambda one: one.reader.id)
    ]
    insert_ignoring(session, Event, rows)
    reports = [
        {
            "subscriber_id": one.reader.id,
            "kind": one.event.kind,
            "dedupe_key": one.dedupe_key,
            "received_at": clock.now(),
            "content": stored_reports.content_of(one.event.sealed_report),
        }
        for one in sorted(matched, key=lambda one: one.reader.id)
        if one.event.sealed_report
    ]
    insert_ignoring(session, StoredReport, reports)


def _withdrawn(session: Session, matched: Iterable[_MatchedEvent]) -> set[tuple[int, str, str]]:
    """The keys of events of these readers that an operator withdrew. The same report may come again."""
    rows = session.execute(
        select(Event.subscriber_id, Event.kind, Event.dedupe_key).where(
            Event.subscriber_id.in_({one.reader.id for one in matched}), Event.withdrawn_at.is_not(None)
        )
    )
    return {(row[0], row[1], row[2]) for row in rows}


def _without_doubtful_listings(session: Session, matched: list[_MatchedEvent]) -> list[_MatchedEvent]:
    """The events, with a soft bounce or a blocked mail for each that was dropped for an earlier bounce, not a hard one.

    SendGrid also lists addresses whose mailbox was full, whose server blocked us, or that an operator brought back. We
    know it when events of the reader are here, and none of them says that the mailbox is not there. While SendGrid
    lists somebody because of us, each mail is dropped: those count against nobody, however many they are.
    """
    listed = {one.reader.id for one in matched if one.event.listed is EventKind.BOUNCED}
    if not listed:
        return matched
    failures = (EventKind.BOUNCED, EventKind.SOFT_BOUNCED, EventKind.BLOCKED)
    rows = session.execute(
        select(Event.subscriber_id, Event.kind, Event.withdrawn_at).where(
            Event.subscriber_id.in_(listed), Event.kind.in_(failures)
        )
    ).all()
    hard = {reader for reader, kind, withdrawn_at in rows if kind == EventKind.BOUNCED and withdrawn_at is None}
    doubtful = {reader: EventKind.SOFT_BOUNCED for reader, _, _ in rows if reader not in hard}
    doubtful |= {
        reader: EventKind.BLOCKED
        for reader, kind, _ in rows
        if reader in doubtful and kind in (EventKind.BOUNCED, EventKind.BLOCKED)
    }
    return [
        one._replace(event=one.event._replace(kind=doubtful[one.reader.id], listed=None))
        if one.event.listed is EventKind.BOUNCED and one.reader.id in doubtful
        else one
        for one in matched
    ]


def _end_by(matched: _MatchedEvent) -> End | None:
    """The end of the subscription that the event brings, if it does."""
    reason = ending_events.ENDS.get(matched.event.listed or matched.event.kind)
    if reason is None or (reason is not SuppressionReason.COMPLAINED and _is_before_confirmation(matched)):
        return None
    return End(matched.reader, reason, matched.at)


def _is_before_confirmation(matched: _MatchedEvent) -> bool:
    """Whether the reader has confirmed since the event, or since the mail was sent that it is about."""
    confirmed_at, sent_at = matched.reader.confirmed_at, matched.sent_at
    if confirmed_at is None:
        return False
    return matched.event.at < int(confirmed_at.timestamp()) or (sent_at is not None and sent_at < confirmed_at)


def _ends_by_soft_bounces(session: Session, matched: Iterable[_MatchedEvent]) -> list[End]:
    readers = {one.reader.id: one.reader for one in matched if one.event.kind is EventKind.SOFT_BOUNCED}
    if not readers:
        return []
    confirmed = [(reader.id, reader.confirmed_at) for reader in readers.values()]
    found = soft_bounces.too_many_soft_bounces(session, confirmed)
    return [End(readers[number], SuppressionReason.BOUNCED, at) for number, at in found.items()]
