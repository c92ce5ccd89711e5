"""The written policy: what an event means for the reader (docs/events.md shows it as a table).

A hard bounce, a complaint and an unsubscription end it at once. Soft bounces end it when `SOFT_BOUNCES` letters in a
row came back within `WITHIN`: a letter that was handed over and about which nothing bad was heard counts as delivered,
so that missing `delivered` events count against nobody, and the order of events makes no difference.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.delivery.events.models import Event
from newsletter.delivery.events.vocabulary import EventKind
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.packing import position_of
from newsletter.digests.models import Digest
from newsletter.mail.outcomes import ACCEPTED
from newsletter.subscribers.models import SuppressionReason

SOFT_BOUNCES = 5
WITHIN = timedelta(days=30)

ENDS = {
    EventKind.BOUNCED: SuppressionReason.BOUNCED,
    EventKind.COMPLAINED: SuppressionReason.COMPLAINED,
    EventKind.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
}
"""What ends a subscription at once."""

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})", re.ASCII)
_NO_MAILBOX = {"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.1", "0.0"}
_SAYS_NOTHING = {"5", "6", "7"}
_ABOUT_US = {"1.7", "1.8", "3.4"}
_SENDER_IS_MEANT = re.compile(r"spam|block|black ?list|deny|denied|reputation|policy|dmarc|\bspf\b|dkim", re.IGNORECASE)


def classify_bounce(status: str, words: str) -> EventKind:
    """What an enhanced status code (RFC 3463) and the words beside it say of a mail that was given up.

    A mailbox that is not there: a bad address (5.1.x), a disabled mailbox (5.2.1), or 5.0.0 unless the words blame the
    sender. Protocol (x.5.x), content (x.6.x), policy (x.7.x), our own address (x.1.7, x.1.8) and size (x.3.4): blocked.
    """
    match = _STATUS.search(status)
    group, subject, detail = match.groups() if match else ("5", "0", "0")
    about = f"{subject}.{detail}"
    if subject in _SAYS_NOTHING or about in _ABOUT_US:
        return EventKind.BLOCKED
    if group == "5" and about in _NO_MAILBOX:
        vague = detail == "0"
        return EventKind.BLOCKED if vague and _SENDER_IS_MEANT.search(words) else EventKind.BOUNCED
    return EventKind.SOFT_BOUNCED


class _Letter(NamedTuple):
    """A digest that came back from a reader."""

    digest_id: int
    frozen_at: datetime
    kind: str


def too_many_soft_bounces(session: Session, readers: Collection[tuple[int, datetime | None]]) -> dict[int, datetime]:
    """Those of `readers` (id, confirmed when) who have had too many soft bounces in a row, and when the last was."""
    rows: Iterable[Any] = session.execute(
        select(Event.subscriber_id, Digest.id, Digest.frozen_at, Event.kind)
        .join(Digest, Digest.id == Event.digest_id)
        .where(Event.subscriber_id.in_([reader for reader, _ in readers]), Digest.frozen_at.is_not(None))
        .order_by(Event.subscriber_id, Digest.frozen_at, Digest.id)
    )
    confirmed = dict(readers)
    found = {}
    for reader, group in groupby(rows, key=lambda row: row[0]):
        since = confirmed[reader]
        letters = [_Letter(*row[1:]) for row in group if since is None or row[2] >= since]
        if last := _last_of_a_row(session, reader, letters):
            found[reader] = last
    return found


def _last_of_a_row(session: Session, reader: int, letters: list[_Letter]) -> datetime | None:
    """When the last of SOFT_BOUNCES soft bounces in a row, within WITHIN, was sent; None when there is no such row."""
    soft = [letter for letter in letters if letter.kind == EventKind.SOFT_BOUNCED]
    heard_of = [letter.digest_id for letter in letters]
    for first, last in zip(soft, soft[SOFT_BOUNCES - 1 :], strict=False):
        if last.frozen_at - first.frozen_at <= WITHIN and not _delivered(session, reader, first, last, heard_of):
            return last.frozen_at
    return None


def _delivered(session: Session, reader: int, first: _Letter, last: _Letter, heard_of: list[int]) -> bool:
    """Whether a letter between the two was handed over for this reader, and nothing bad was heard of it."""
    between = session.scalars(
        select(Digest.id).where(
            Digest.frozen_at >= first.frozen_at, Digest.frozen_at <= last.frozen_at, Digest.id.not_in(heard_of)
        )
    ).all()
    if not between:
        return False
    batches = session.execute(
        select(Batch.recipients, Batch.outcomes).where(
            Batch.digest_id.in_(between), Batch.first_id <= reader, Batch.last_id >= reader
        )
    )
    return any(_outcome(recipients, outcomes, reader) == ACCEPTED for recipients, outcomes in batches)


def _outcome(recipients: bytes, outcomes: bytes, reader: int) -> int | None:
    place = position_of(packing.unpack_ids(recipients), reader)
    return None if place is None else outcomes[place]
