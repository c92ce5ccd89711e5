"""Webhook deliveries: stored as one row each, answered at once, and processed by a job.

They come while readers wait and digests are sent, so the request does the least: verify, reduce, one row. A job
processes whatever there is, one delivery after another, each in a transaction that is also its claim.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from sqlalchemy import BindParameter, ColumnElement, Select, delete, or_, select
from sqlalchemy.orm import Session

from newsletter.core import clock, shutdown
from newsletter.core.db import insert_ignoring, log_after_commit
from newsletter.core.errors import InvalidError
from newsletter.core.ids import AddressKey, SubscriberId, SuppressionKey
from newsletter.core.runtime import Runtime
from newsletter.delivery.events import acceptance, applying, sendgrid_events, signature, stored_reports
from newsletter.delivery.events.event_kinds import Acceptance, ReaderEvent
from newsletter.delivery.events.models import WebhookDelivery
from newsletter.subscribers import addresses
from newsletter.subscribers.models import Subscriber

log = logging.getLogger(__name__)

RUN_FOR = 10.0
"""Seconds after which a job ends and its successor queues behind other jobs."""
LONGEST_PAUSE = timedelta(hours=1)
CHUNK = 1000
"""Events that are looked up together."""

T = TypeVar("T")


def store_delivery(session: Session, suppression_key: SuppressionKey, body: bytes) -> bool:
    """Store a post of SendGrid, whose signature is verified; False when the same body is stored already.

    Raises InvalidError when it is not what SendGrid posts.
    """
    now = clock.now()
    delivery = sendgrid_events.parse_delivery(body, int(now.timestamp()))
    events = [
        event._replace(sealed_report=stored_reports.seal_report(suppression_key, report))
        for chunk in _chunks(delivery.events, CHUNK)
        for event, report in _with_readers(session, chunk)
    ]
    row = {
        "provider": "sendgrid",
        "body_hash": hashlib.sha256(body).digest(),
        "received_at": now,
        "payload": {"acceptances": sorted(delivery.acceptances), "events": events},
        "attempt": 0,
    }
    return insert_ignoring(session, WebhookDelivery, [row]) == 1


def deliveries_wait(session: Session) -> bool:
    """Whether a delivery is to be processed."""
    return session.scalar(_open().limit(1)) is not None


def process_deliveries(runtime: Runtime) -> bool:
    """Process deliveries for up to RUN_FOR seconds; True when there may be more.

    A delivery that fails is tried again later, after all others, and the error is raised.
    """
    end = time.monotonic() + RUN_FOR
    while time.monotonic() < end and not shutdown.requested():
        if not _process_next(runtime):
            return False
    return True


def _process_next(runtime: Runtime) -> bool:
    """Process one delivery; False when there is none. The lock on its row is the claim: no network call is made."""
    delivery_id = None
    try:
        with runtime.db.transaction() as session:
            delivery_id = session.scalar(_open().limit(1).with_for_update(skip_locked=True))
            if delivery_id is None:
                return False
            _process(session, runtime.settings.suppression_key, delivery_id)
    except Exception:
        if delivery_id is not None:
            _postpone(runtime, delivery_id)
        raise
    return True


def is_open(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether a delivery is to be processed at that time."""
    free = or_(WebhookDelivery.not_before.is_(None), WebhookDelivery.not_before <= now)
    return WebhookDelivery.payload.is_not(None) & free


def _open() -> Select[int]:
    return select(WebhookDelivery.id).where(is_open(clock.now())).order_by(WebhookDelivery.attempt, WebhookDelivery.id)


def _process(session: Session, suppression_key: SuppressionKey, delivery_id: int) -> None:
    delivery = session.get_one(WebhookDelivery, delivery_id)
    payload = delivery.payload or {}
    for proofs in _chunks((Acceptance(*values) for values in payload["acceptances"]), CHUNK):
        acceptance.store_proofs(session, set(proofs))
    acceptance.resolve_proven(session)
    for events in _chunks((ReaderEvent.from_json(values) for values in payload["events"]), CHUNK):
        applying.apply_events(session, suppression_key, events)
    delivery.payload = None
    _delete_old_hashes(session)


def _postpone(runtime: Runtime, delivery_id: int) -> None:
    with runtime.db.transaction() as session:
        delivery = session.get_one(WebhookDelivery, delivery_id)
        delivery.attempt += 1
        pause = min(timedelta(seconds=2.0 ** min(delivery.attempt, 20)), LONGEST_PAUSE)
        delivery.not_before = clock.now() + pause
        log_after_commit(session, log).error(
            "webhook delivery %d failed (attempt %d); it is tried again", delivery_id, delivery.attempt
        )


def _delete_old_hashes(session: Session) -> None:
    """Delete processed deliveries whose replay would be refused for its age."""
    oldest: datetime = clock.now() - signature.OLDEST - signature.AHEAD
    session.execute(
        delete(WebhookDelivery)
        .where(WebhookDelivery.received_at < oldest, WebhookDelivery.payload.is_(None))
        .execution_options(synchronize_session=False)
    )


def _with_readers(
    session: Session, events: Sequence[sendgrid_events.AddressedEvent]
) -> Iterator[tuple[ReaderEvent, bytes]]:
    """The events with subscribers' numbers for their addresses, and their reports.

    Events about unknown addresses are dropped.
    """
    keys = [_address_key(event.address) for event in events]
    rows = session.execute(
        select(Subscriber.address_key, Subscriber.id).where(Subscriber.address_key.in_({key for key in keys if key}))
    )
    subscribers = {row[0]: row[1] for row in rows}
    for event, key in zip(events, keys, strict=True):
        if not event.address:
            yield event.event, event.report
        elif key is not None and key in subscribers:
            yield event.event._replace(subscriber_id=SubscriberId(subscribers[key])), event.report


def _address_key(address: str) -> AddressKey | None:
    try:
        return addresses.identity_key(address)
    except InvalidError:
        return None


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
