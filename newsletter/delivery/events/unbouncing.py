"""Bringing back readers whom wrong bounces took: a mail server's bad day reports mailboxes as gone that are there.

A reader comes back when the bounces that are called wrong are all that ended the subscription. Nobody does who also
bounced otherwise, unsubscribed or complained. The events stay, withdrawn, so that the same report does no harm again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.errors import InvalidError
from newsletter.core.ids import SuppressionKey
from newsletter.delivery.events import ending_events, sendgrid_events, soft_bounces
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event
from newsletter.digests.queries import get_digest
from newsletter.mail.failures.comparable_answers import same_words
from newsletter.subscribers import reported_ends
from newsletter.subscribers.models import Subscriber, SubscriberStatus

CHUNK = 500
"""Readers of one query and of one transaction."""

_BOUNCES = (EventKind.BOUNCED, EventKind.SOFT_BOUNCED, EventKind.DROPPED)
_ENDINGS = tuple(ending_events.ENDS)


class WrongBounces(NamedTuple):
    """The bounces that an operator calls wrong: those of a digest, those with some words in their reason, or both."""

    digest_id: int | None
    reason: str

    @property
    def why(self) -> str:
        """The reason that is kept with each ended suppression."""
        named = [f"of digest {self.digest_id}"] if self.digest_id is not None else []
        named += [f'that say "{self.reason}"'] if self.reason else []
        return f"The bounces {' '.join(named)} were wrong."

    def includes(self, event: Event) -> bool:
        """Whether an event is one of them."""
        if event.kind not in _BOUNCES or (self.digest_id is not None and event.digest_id != self.digest_id):
            return False
        text, words = self.reason.casefold(), same_words(self.reason)
        return text in event.reason.casefold() or bool(words and words in same_words(event.reason))


def find_wrongly_bounced(session: Session, wrong: WrongBounces) -> list[int]:
    """The numbers of the readers who bounced for nothing else. Raises NotFoundError for an unknown digest."""
    if wrong.digest_id is None and not wrong.reason:
        raise InvalidError("unbounce.nothing_named", "Neither a digest nor a reason is named.")
    if wrong.digest_id is not None:
        get_digest(session, wrong.digest_id)
    found: list[int] = []
    for numbers in _chunks(_candidates(session, wrong)):
        found += [reader.id for reader, _ in _by_wrong_bounces_alone(session, numbers, wrong)]
    return found


def unbounce(
    session: Session, suppression_key: SuppressionKey, numbers: Sequence[int], wrong: WrongBounces, *, by: Actor
) -> int:
    """Bring back those of at most CHUNK readers for whom it is still true; how many they were."""
    found = _by_wrong_bounces_alone(session, numbers, wrong, for_change=True)
    withdrawn = [event.id for _, events in found for event in events]
    session.execute(
        update(Event).where(Event.id.in_(withdrawn)).values(withdrawn_at=clock.now()),
        execution_options={"synchronize_session": False},
    )
    return reported_ends.unbounce(session, suppression_key, [reader for reader, _ in found], wrong.why, by=by)


def _candidates(session: Session, wrong: WrongBounces) -> list[int]:
    conditions: list[ColumnElement[bool]] = [Event.kind.in_(_BOUNCES), Event.withdrawn_at.is_(None)]
    if wrong.digest_id is not None:
        conditions.append(Event.digest_id == wrong.digest_id)
    query = (
        select(Subscriber.id)
        .join(Event, Event.subscriber_id == Subscriber.id)
        .where(*_may_come_back(), *conditions)
        .distinct()
        .order_by(Subscriber.id)
    )
    return list(session.scalars(query))


def _may_come_back() -> tuple[ColumnElement[bool], ...]:
    return (
        Subscriber.status == SubscriberStatus.BOUNCED,
        Subscriber.confirmed_at.is_not(None),
        Subscriber.unsubscribed_at.is_(None),
    )


def _by_wrong_bounces_alone(
    session: Session, numbers: Sequence[int], wrong: WrongBounces, *, for_change: bool = False
) -> list[tuple[Subscriber, list[Event]]]:
    """The readers whom the wrong bounces alone ended, each with these events."""
    query = select(Subscriber).where(Subscriber.id.in_(numbers), *_may_come_back()).order_by(Subscriber.id)
    readers = session.scalars(query.with_for_update(key_share=True) if for_change else query).all()
    events = defaultdict(list)
    for event in session.scalars(
        select(Event).where(Event.subscriber_id.in_(numbers), Event.withdrawn_at.is_(None)).order_by(Event.id)
    ):
        events[event.subscriber_id].append(event)
    named = {reader.id: [event for event in events[reader.id] if wrong.includes(event)] for reader in readers}
    return [
        (reader, named[reader.id])
        for reader in readers
        if named[reader.id] and not _ended_otherwise(session, reader, events[reader.id], named[reader.id])
    ]


def _ended_otherwise(session: Session, reader: Subscriber, events: Iterable[Event], wrong: Collection[Event]) -> bool:
    """Whether the reader's other events, since the last confirmation, would have ended the subscription as well."""
    confirmed_at = reader.confirmed_at
    for event in events:
        is_old = confirmed_at is not None and event.occurred_at < confirmed_at
        if event not in wrong and not is_old and _reported(event) in _ENDINGS:
            return True
    without = [event.id for event in wrong]
    return bool(soft_bounces.too_many_soft_bounces(session, [(reader.id, confirmed_at)], without=without))


def _reported(event: Event) -> EventKind | None:
    """The report itself. That SendGrid lists an address as bounced only repeats an earlier one."""
    if event.kind is not EventKind.DROPPED:
        return event.kind
    listed = sendgrid_events.LISTED.get(event.reason.strip().lower())
    return None if listed is EventKind.BOUNCED else listed


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(numbers)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
