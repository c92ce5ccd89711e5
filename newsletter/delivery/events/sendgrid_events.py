"""SendGrid's Event Webhook, mapped to the project's own words (twilio.com/docs/sendgrid, "Event Webhook Reference").

Only what has consequences is read. The address serves to find the reader; then it is dropped with the IP address, the
user agent and the rest. Opens and clicks are not read at all.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from newsletter.core.errors import InvalidError
from newsletter.core.ids import BatchId
from newsletter.core.storable_text import is_storable
from newsletter.delivery.events.event_kinds import KIND_OF_FAILURE, Acceptance, EventKind, ReaderEvent
from newsletter.mail.failures.sendgrid_bounces import judge_sendgrid
from newsletter.mail.message import TEST_REFERENCE
from newsletter.mail.transports.redaction import redact

log = logging.getLogger(__name__)

ACCEPTANCE_ONLY = {"processed", "delivered", "deferred"}
"""Events that prove acceptance and have no other consequence: SendGrid itself goes on with a deferred mail."""

_KINDS = {
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
    "dropped": EventKind.DROPPED,
}
LISTED = {
    "bounced address": EventKind.BOUNCED,
    "invalid": EventKind.BOUNCED,
    "spam reporting address": EventKind.COMPLAINED,
    "unsubscribed address": EventKind.UNSUBSCRIBED,
}
"""Reasons for which SendGrid drops a mail to a reader on one of its lists. Its other reasons are about the sender."""
_NEVER_KEPT = frozenset(["email", "ip", "useragent", "asm_group_id", "url"])
_LONGEST_NUMBER = 18


class _BadItemError(Exception):
    """An item of a post that cannot be stored. It is dropped alone."""


class AddressedEvent(NamedTuple):
    """An event about one reader, with the address that it names until that is looked up."""

    event: ReaderEvent
    address: str
    report: bytes = b""
    """The event as it came, without the address and data about the reader's machine."""


class ParsedDelivery(NamedTuple):
    """The content of one post."""

    acceptances: set[Acceptance]
    events: list[AddressedEvent]


def parse_delivery(body: bytes, now: int) -> ParsedDelivery:
    """Parse a post; `now` in seconds since 1970. Items that cannot be read are dropped alone.

    Raises InvalidError unless it is a JSON array with objects in it.
    """
    document = _json(body)
    items = [item for item in document if isinstance(item, dict)] if isinstance(document, list) else None
    if items is None or (document and not items):
        raise InvalidError("webhook.not_events", "The post is not a JSON array of objects.")
    delivery = ParsedDelivery(set(), [])
    bad = len(document) - len(items)
    for item in items:
        try:
            _parse_event(item, now, delivery)
        except (_BadItemError, RecursionError):  # a report is written as text, level by level
            bad += 1
    if bad:
        log.warning("%d items of a post cannot be read, and were dropped", bad)
    return delivery


def _json(body: bytes) -> Any:
    """The post. Half a surrogate pair or a byte that is no UTF-8 must cost its item alone: orjson refuses the post for
    them, and the standard library takes them as characters that nothing can store.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8-sig", "surrogateescape"), parse_int=_parse_int)
    except (ValueError, RecursionError) as error:
        raise InvalidError("webhook.not_json", "The post is not JSON.") from error


def _parse_int(digits: str) -> int:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else 0


def _parse_event(item: Mapping[str, Any], now: int, delivery: ParsedDelivery) -> None:
    if TEST_REFERENCE in item.items():
        return
    word = _text(item.get("event"))
    kind = _bounce_kind(item) if word == "bounce" else _KINDS.get(word)
    if kind is None and word not in ACCEPTANCE_ONLY:
        return
    batch, attempt = _number(item.get("batch")), _number(item.get("attempt"))
    batch_id = None if batch is None else BatchId(batch)
    if batch_id is not None and attempt is not None:
        delivery.acceptances.add(Acceptance(batch_id, attempt, _text(item.get("letter"))))
    if kind is not None:
        delivery.events.append(_addressed_event(item, kind, batch_id, now))


def _bounce_kind(item: Mapping[str, Any]) -> EventKind:
    fields = (_words(item.get(name)) for name in ("type", "bounce_classification", "status", "reason"))
    return KIND_OF_FAILURE[judge_sendgrid(*fields).kind]


def _addressed_event(item: Mapping[str, Any], kind: EventKind, batch_id: BatchId | None, now: int) -> AddressedEvent:
    address, reason = _text(item.get("email")), _words(item.get("reason"))
    listed = LISTED.get(reason.strip().lower()) if kind is EventKind.DROPPED else None
    at = item.get("timestamp")
    event = ReaderEvent(
        kind,
        min(at, now) if isinstance(at, int) and at > 0 else now,
        batch_id,
        _number(item.get("n")),
        listed=listed,
        reason=redact(reason, address) if reason else "",
    )
    report = {name: value for name, value in item.items() if name not in _NEVER_KEPT}
    return AddressedEvent(event, address, json.dumps(report, indent=2, default=str).encode())


def _text(value: object) -> str:
    """A name or an address. Raises _BadItemError when no database would take it."""
    if not isinstance(value, str):
        return ""
    if not is_storable(value):
        raise _BadItemError
    return value


def _words(value: object) -> str:
    """Words that are read or redacted, and never stored as they came."""
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    """A custom argument, which comes back as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER:
        return int(value)
    return None
