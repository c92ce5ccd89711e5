"""SendGrid's Event Webhook, mapped to the project's own words (twilio.com/docs/sendgrid, "Event Webhook Reference").

Only what has consequences is read. The address serves to find the reader; then it is dropped with the IP address, the
user agent and the rest. Opens and clicks are not read at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from newsletter.core.errors import InvalidError
from newsletter.core.ids import BatchId
from newsletter.delivery.events import policy
from newsletter.delivery.events.vocabulary import Acceptance, EventKind, ReaderEvent
from newsletter.mail.transports.redaction import redact

ACCEPTANCE_ONLY = {"processed", "delivered", "deferred"}
"""Events that prove acceptance and have no other consequence: SendGrid itself goes on with a deferred mail."""

_KINDS = {
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
    "dropped": EventKind.DROPPED,
}
_LISTED = {
    "bounced address": EventKind.BOUNCED,
    "invalid": EventKind.BOUNCED,
    "spam reporting address": EventKind.COMPLAINED,
    "unsubscribed address": EventKind.UNSUBSCRIBED,
}
"""Reasons for which SendGrid drops a mail to a reader on one of its lists. Its other reasons are about the sender."""
_ABOUT_SENDER = ("content", "reputation", "frequency", "technical")
"""bounce_classification of blocked mails whose reason says nothing about the reader."""
_LONGEST_NUMBER = 18


class AddressedEvent(NamedTuple):
    """An event about one reader, with the address that it names until that is looked up."""

    event: ReaderEvent
    address: str


class ParsedDelivery(NamedTuple):
    """The content of one post."""

    acceptances: set[Acceptance]
    events: list[AddressedEvent]


def parse_delivery(body: bytes, now: int) -> ParsedDelivery:
    """Parse a post; `now` in seconds since 1970. Raises InvalidError unless it is a JSON array of objects."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidError("webhook.not_json", "The post is no JSON.") from error
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise InvalidError("webhook.not_events", "The post is no JSON array of objects.")
    delivery = ParsedDelivery(set(), [])
    for item in document:
        _parse_event(item, now, delivery)
    return delivery


def _parse_event(item: Mapping[str, Any], now: int, delivery: ParsedDelivery) -> None:
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
    """Hard when its type is `bounce`. `blocked` can mean the mailbox's state, or something about the sender."""
    if item.get("type") != "blocked":
        return EventKind.BOUNCED
    classification = _text(item.get("bounce_classification")).lower()
    if classification.startswith(_ABOUT_SENDER):
        return EventKind.BLOCKED
    kind = policy.classify_bounce(_text(item.get("status")), _text(item.get("reason")))
    return EventKind.BLOCKED if kind is EventKind.BLOCKED else EventKind.SOFT_BOUNCED


def _addressed_event(item: Mapping[str, Any], kind: EventKind, batch_id: BatchId | None, now: int) -> AddressedEvent:
    address, reason = _text(item.get("email")), _text(item.get("reason"))
    listed = _LISTED.get(reason.strip().lower()) if kind is EventKind.DROPPED else None
    at = item.get("timestamp")
    event = ReaderEvent(
        kind,
        min(at, now) if isinstance(at, int) and at > 0 else now,
        batch_id,
        _number(item.get("n")),
        listed=listed,
        reason=redact(reason, address) if reason else "",
    )
    return AddressedEvent(event, address)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    """A custom argument, which comes back as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER:
        return int(value)
    return None
