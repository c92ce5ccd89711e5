"""SendGrid's Event Webhook in our own words (twilio.com/docs/sendgrid, "Event Webhook Reference").

Read is what follows from an event and nothing else: the address only to find the reader, then it is dropped with the IP
address, the user agent and the rest. Opens and clicks are not read at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from newsletter.core.errors import InvalidError
from newsletter.delivery.events import policy
from newsletter.delivery.events.vocabulary import Acceptance, EventKind, ReaderEvent
from newsletter.mail.transports.redaction import redact

ACCEPTANCE_ONLY = {"processed", "delivered", "deferred"}
"""Show that the batch was taken, and change nothing else: SendGrid goes on with a deferred mail by itself."""

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
"""Why SendGrid drops a mail whose reader it has on one of its lists; its other reasons are about us."""
_NOT_THE_READERS = ("content", "reputation", "frequency", "technical")
"""bounce_classification of mails that were blocked for reasons that say nothing about the reader."""
_LONGEST_NUMBER = 18


class AddressedEvent(NamedTuple):
    """An event about one reader, with the address that it names as long as it is not looked up."""

    event: ReaderEvent
    address: str


class ParsedDelivery(NamedTuple):
    taken: set[Acceptance]
    found: list[AddressedEvent]


def parse_delivery(body: bytes, now: int) -> ParsedDelivery:
    """What a post says; `now` in seconds since 1970. Raises InvalidError unless it is a JSON array of objects."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidError("The post is no JSON.") from error
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise InvalidError("The post is no JSON array of objects.")
    post = ParsedDelivery(set(), [])
    for one in document:
        _read(one, now, post)
    return post


def _read(one: Mapping[str, Any], now: int, post: ParsedDelivery) -> None:
    word = _text(one.get("event"))
    kind = _bounce(one) if word == "bounce" else _KINDS.get(word)
    if kind is None and word not in ACCEPTANCE_ONLY:
        return
    batch, attempt = _number(one.get("batch")), _number(one.get("attempt"))
    if batch is not None and attempt is not None:
        post.taken.add(Acceptance(batch, attempt, _text(one.get("letter"))))
    if kind is not None:
        post.found.append(_found(one, kind, batch, now))


def _bounce(one: Mapping[str, Any]) -> EventKind:
    """Hard when its type is `bounce`. `blocked` may be the mailbox's state, or our own fault."""
    if one.get("type") != "blocked":
        return EventKind.BOUNCED
    classification = _text(one.get("bounce_classification")).lower()
    if classification.startswith(_NOT_THE_READERS):
        return EventKind.BLOCKED
    said = policy.classify_bounce(_text(one.get("status")), _text(one.get("reason")))
    return EventKind.BLOCKED if said is EventKind.BLOCKED else EventKind.SOFT_BOUNCED


def _found(one: Mapping[str, Any], kind: EventKind, batch: int | None, now: int) -> AddressedEvent:
    address, reason = _text(one.get("email")), _text(one.get("reason"))
    listed = _LISTED.get(reason.strip().lower()) if kind is EventKind.DROPPED else None
    at = one.get("timestamp")
    event = ReaderEvent(
        kind,
        min(at, now) if isinstance(at, int) and at > 0 else now,
        batch,
        _number(one.get("n")),
        listed=listed,
        reason=redact(reason, address) if reason else "",
    )
    return AddressedEvent(event, address)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    """Custom arguments come back as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER:
        return int(value)
    return None
