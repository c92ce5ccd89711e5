"""A selection of readers by their status and preferences, for the operator's lists and counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Text, cast, func, or_, select
from sqlalchemy.orm import Session

from newsletter.subscribers.models import Subscriber, SubscriberStatus


@dataclass(frozen=True)
class ReaderSelection:
    """The readers for whom all of this is so; what is None, or empty, is left open."""

    statuses: Sequence[SubscriberStatus] = ()
    cadence: str | None = None
    section: str | None = None
    """Those who get its stories: they chose it, or all sections."""
    min_trust: int | None = None
    """Those who want at least this trust score of stories."""
    max_hype: str | None = None
    breaking: bool | None = None
    hour: int | None = None
    zone: str | None = None
    format: str | None = None
    language: str | None = None
    paused: bool | None = None

    def conditions(self, today: date) -> list[ColumnElement[bool]]:
        """The conditions on rows of subscribers; `today` in the publication's zone says whether a pause is over."""
        exact = ("cadence", "max_hype", "breaking", "hour", "zone", "format", "language")
        found = [getattr(Subscriber, name) == wanted for name in exact if (wanted := getattr(self, name)) is not None]
        if self.statuses:
            found.append(Subscriber.status.in_(self.statuses))
        if self.section is not None:
            stored = cast(Subscriber.sections, Text)
            spellings = {json.dumps(self.section, ensure_ascii=ascii_alone) for ascii_alone in (True, False)}
            chosen = [stored.contains(spelling, autoescape=True) for spelling in sorted(spellings)]
            found.append(or_(Subscriber.sections.is_(None), *chosen))
        if self.min_trust is not None:
            found.append(Subscriber.min_trust >= self.min_trust)
        if self.paused is not None:
            is_paused = func.coalesce(Subscriber.paused_until, date.min) > today
            found.append(is_paused if self.paused else ~is_paused)
        return found


def find_readers(
    session: Session, selection: ReaderSelection, today: date, *, after_id: int = 0, limit: int
) -> Sequence[Subscriber]:
    """The first `limit` of the readers after a number, by their numbers."""
    query = select(Subscriber).where(Subscriber.id > after_id, *selection.conditions(today))
    return session.scalars(query.order_by(Subscriber.id).limit(limit)).all()


def count_readers(session: Session, selection: ReaderSelection, today: date) -> Counter[SubscriberStatus]:
    """How many there are of each status."""
    query = select(Subscriber.status, func.count()).where(*selection.conditions(today)).group_by(Subscriber.status)
    return Counter(dict(session.execute(query).all()))
