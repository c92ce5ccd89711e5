"""Rubrics in time: which one is in force, and setting the next. A score keeps the rubric that it was given under."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision, Rubric
from newsletter.articles.rubric_parts import RubricPart, shipped_rubric, stored_parts
from newsletter.core.errors import ConflictError, InvalidError


def rubric_in_force(session: Session, day: date) -> Rubric:
    """The rubric that counts on a day; without an id while it is the shipped one and no score was given under it."""
    return _stored_on(session, day) or _shipped()


def rubrics(session: Session) -> list[Rubric]:
    """All that were set, the oldest first."""
    return list(session.scalars(select(Rubric).order_by(Rubric.effective_from)))


def rubrics_until(session: Session, day: date) -> list[Rubric]:
    """The rubric that counts on a day, and then those that counted before, the newest first."""
    return [each for each in reversed(rubrics(session)) if each.effective_from <= day] or [_shipped()]


def parts_of(rubric: Rubric) -> tuple[RubricPart, ...]:
    """The parts of a rubric, in the order of its page."""
    return stored_parts(rubric.parts)


def stored_rubric(session: Session, day: date) -> Rubric:
    """The rubric that counts on a day, stored, so that a score can refer to it."""
    return _stored_on(session, day) or _store(session, _shipped())


def set_rubric(session: Session, parts: Sequence[RubricPart], *, effective_from: date, today: date) -> Rubric:
    """A new rubric that counts from a day on. One that was set for the same day, and is not in force yet, is replaced.

    Raises InvalidError for a day that is over, and ConflictError for one from which a rubric counts already.
    """
    if effective_from < today:
        raise InvalidError(
            "rubric.past", "A rubric cannot count from %(day)s on: that day is over.", day=effective_from
        )
    stored_rubric(session, today)  # the shipped one first, so that numbers follow time
    present = session.scalar(select(Rubric).where(Rubric.effective_from == effective_from))
    values = [part.to_json() for part in parts]
    if present is None:
        return _store(session, Rubric(effective_from=effective_from, parts=values))
    if effective_from <= today or session.scalar(select(Revision.id).where(Revision.rubric_id == present.id).limit(1)):
        raise ConflictError("rubric.in_force", "A rubric counts from %(day)s on already.", day=effective_from)
    present.parts = values
    return present


def _stored_on(session: Session, day: date) -> Rubric | None:
    newest = select(Rubric).where(Rubric.effective_from <= day).order_by(Rubric.effective_from.desc()).limit(1)
    return session.scalar(newest)


def _shipped() -> Rubric:
    since, parts = shipped_rubric()
    return Rubric(effective_from=since, parts=[part.to_json() for part in parts])


def _store(session: Session, rubric: Rubric) -> Rubric:
    """Add a rubric; where another transaction was faster, its rubric of that day."""
    try:
        with session.begin_nested():
            session.add(rubric)
    except IntegrityError:
        return session.scalars(select(Rubric).where(Rubric.effective_from == rubric.effective_from)).one()
    return rubric
