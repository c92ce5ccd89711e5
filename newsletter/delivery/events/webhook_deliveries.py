"""The inbox of providers' posts: one row for each, stripped, answered at once, and worked off by a job.

Posts can come while readers wait and digests are sent, so a door does the least: verify, strip, one row. A job works
off whatever there is, post by post, each in one transaction that is also its claim.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.core import clock, shutdown
from newsletter.core.errors import InvalidError
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.core.runtime import Runtime
from newsletter.delivery.events import acceptance, applying, sendgrid, signature
from newsletter.delivery.events.models import WebhookDelivery
from newsletter.delivery.events.vocabulary import Acceptance, ReaderEvent
from newsletter.subscribers import addresses
from newsletter.subscribers.models import Subscriber

log = logging.getLogger(__name__)

WORK_FOR = 10.0
"""Seconds after which a job makes room for its successor."""
LONGEST_PAUSE = timedelta(hours=1)
CHUNK = 1000
"""Events that are looked up together."""

T = TypeVar("T")


def store_delivery(session: Session, body: bytes) -> bool:
    """Keep a post of SendGrid, whose signature is verified; False when its body was taken before.

    Raises InvalidError when it is not what SendGrid posts.
    """
    now = clock.now()
    post = sendgrid.parse_delivery(body, int(now.timestamp()))
    events = [event for chunk in _chunks(post.found, CHUNK) for event in _with_readers(session, chunk)]
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = {
        "provider": "sendgrid",
        "body_hash": hashlib.sha256(body).digest(),
        "received_at": now,
        "payload": {"acceptances": sorted(post.taken), "events": events},
        "attempt": 0,
    }
    kept = session.execute(insert(WebhookDelivery).values(row).on_conflict_do_nothing().returning(WebhookDelivery.id))
    return kept.first() is not None


def deliveries_wait(session: Session) -> bool:
    """Whether there is something to work off: what a lost wake-up or a failure left behind."""
    return session.scalar(_open().limit(1)) is not None


def process_deliveries(runtime: Runtime) -> bool:
    """Work off what there is, for up to WORK_FOR seconds; True when there may be more.

    A post that fails is tried again later, after all others, and the error is raised.
    """
    end = time.monotonic() + WORK_FOR
    while time.monotonic() < end and not shutdown.requested() and not runtime.queues.reader_waits():
        if not _work_off_one(runtime):
            return False
    return True


def _work_off_one(runtime: Runtime) -> bool:
    """False when there is none. Holding the row is the claim: no network call happens meanwhile."""
    post_id = None
    try:
        with runtime.db.transaction() as session:
            post_id = session.scalar(_open().limit(1).with_for_update(skip_locked=True))
            if post_id is None:
                return False
            _work_off(session, runtime.settings.suppression_key, post_id)
    except Exception:
        if post_id is not None:
            _try_later(runtime, post_id)
        raise
    return True


def _open() -> Any:
    free = or_(WebhookDelivery.not_before.is_(None), WebhookDelivery.not_before <= clock.now())
    return (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.payload.is_not(None), free)
        .order_by(WebhookDelivery.attempt, WebhookDelivery.id)
    )


def _work_off(session: Session, suppression_key: SuppressionKey, post_id: int) -> None:
    post = session.get_one(WebhookDelivery, post_id)
    payload = post.payload or {}
    for proofs in _chunks((Acceptance(*values) for values in payload["acceptances"]), CHUNK):
        acceptance.keep_proofs(session, set(proofs))
    acceptance.resolve_proven(session)
    for events in _chunks((ReaderEvent.from_json(values) for values in payload["events"]), CHUNK):
        applying.apply_events(session, suppression_key, events)
    post.payload = None
    _forget(session)


def _try_later(runtime: Runtime, post_id: int) -> None:
    with runtime.db.transaction() as session:
        post = session.get_one(WebhookDelivery, post_id)
        post.attempt += 1
        post.not_before = clock.now() + min(timedelta(seconds=2.0 ** min(post.attempt, 20)), LONGEST_PAUSE)
        log.error("event post %d could not be worked off (attempt %d); it is tried again", post_id, post.attempt)


def _forget(session: Session) -> None:
    """Hashes of posts that are too old to be replayed."""
    old: datetime = clock.now() - signature.OLDEST - signature.AHEAD
    session.execute(
        delete(WebhookDelivery)
        .where(WebhookDelivery.received_at < old, WebhookDelivery.payload.is_(None))
        .execution_options(synchronize_session=False)
    )


def _with_readers(session: Session, found: Sequence[sendgrid.AddressedEvent]) -> Iterator[ReaderEvent]:
    """Addresses become readers' numbers; an event whose address is nobody's is dropped."""
    keys = [_key(one.address) for one in found]
    rows = session.execute(
        select(Subscriber.address_key, Subscriber.id).where(Subscriber.address_key.in_({key for key in keys if key}))
    )
    readers = {row[0]: row[1] for row in rows}
    for one, key in zip(found, keys, strict=True):
        if not one.address:
            yield one.event
        elif key is not None and key in readers:
            yield one.event._replace(reader=readers[key])


def _key(address: str) -> AddressKey | None:
    try:
        return addresses.identity_key(address)
    except InvalidError:
        return None


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
