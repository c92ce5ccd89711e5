"""The monthly figures about readers. The clock counts the present month and the last one, while reports still come.

Past months are kept: what is known of readers who left is reduced some time after the end
(`subscribers.past_subscriptions`), so they could not be counted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import dialect_insert, raise_version
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event
from newsletter.digests.models import Digest
from newsletter.public_record.models import MonthlyFigures
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.support.months import month_of, months_before, months_from, present_month


def is_begun(session: Session) -> bool:
    """Whether there is anything to count: a digest that was frozen."""
    return session.scalar(select(Digest.id).where(Digest.frozen_at.is_not(None)).limit(1)) is not None


def last_counted(session: Session, count: int) -> Sequence[MonthlyFigures]:
    """The last months of which the readers were counted, the newest first."""
    query = select(MonthlyFigures).where(MonthlyFigures.readers.is_not(None)).order_by(MonthlyFigures.month.desc())
    return session.scalars(query.limit(count)).all()


def count_months(session: Session, zone: ZoneInfo) -> None:
    """Count the present and the last month; the first time, each month since the first digest."""
    present = present_month(zone)
    known = set(session.scalars(select(MonthlyFigures.month)))
    first = session.scalar(select(func.min(Digest.frozen_at)))
    if first is None:
        return
    months = months_from(min(month_of(first.astimezone(zone).date()), present), present)
    for month in months:
        if month not in known or month >= months_before(present, 1):
            _count(session, month, zone, is_present=month == present)


def _count(session: Session, month: date, zone: ZoneInfo, *, is_present: bool) -> None:
    since, until = _start(month, zone), _start(months_before(month, -1), zone)
    reported = dict(
        session.execute(
            select(Event.kind, func.count())
            .where(Event.occurred_at >= since, Event.occurred_at < until, Event.withdrawn_at.is_(None))
            .where(Event.kind.in_([EventKind.BOUNCED, EventKind.COMPLAINED]))
            .group_by(Event.kind)
        ).all()
    )
    unsubscribed = session.scalar(
        select(func.count())
        .select_from(Subscriber)
        .where(Subscriber.unsubscribed_at >= since, Subscriber.unsubscribed_at < until)
    )
    values: dict[str, object] = {
        "bounced": reported.get(EventKind.BOUNCED, 0),
        "complained": reported.get(EventKind.COMPLAINED, 0),
        "unsubscribed": unsubscribed or 0,
    }
    if is_present:
        values["readers"] = session.scalar(
            select(func.count()).select_from(Subscriber).where(Subscriber.status == SubscriberStatus.ACTIVE)
        )
    known = session.get(MonthlyFigures, month)
    if known is None or any(getattr(known, name) != value for name, value in values.items()):
        raise_version(session)
    values["counted_at"] = clock.now()
    statement = dialect_insert(session, MonthlyFigures).values(month=month, **values)
    session.connection().execute(statement.on_conflict_do_update(index_elements=["month"], set_=values))


def _start(month: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(month, time(), zone).astimezone(UTC)
