"""Rubrics in time: the shipped one, those that editors set, and the one that a score was given under."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from newsletter.articles import rubrics
from newsletter.articles.models import Rubric
from newsletter.articles.rubric_parts import RubricPart, shipped_rubric
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError

TODAY = date(2026, 5, 4)
TOMORROW = TODAY + timedelta(days=1)


def parts(*most: int) -> list[RubricPart]:
    """The shipped parts, the first ones with other points."""
    shipped = shipped_rubric()[1]
    return [RubricPart(part.key, points, part.words) for part, points in zip(shipped, most, strict=True)]


def in_force(db: Database, day: date) -> tuple[int | None, int]:
    """The number of a day's rubric, and the points of its first part."""
    with db.reading() as session:
        found = rubrics.rubric_in_force(session, day)
        return found.id, rubrics.parts_of(found)[0].most


def set_rubric(db: Database, day: date, *most: int) -> int:
    with db.transaction() as session:
        return rubrics.set_rubric(session, parts(*most), effective_from=day, today=TODAY).id


def test_the_shipped_rubric_counts_until_another_does(db: Database) -> None:
    assert in_force(db, TODAY) == (None, 30)
    assert set_rubric(db, TOMORROW, 20, 35, 15, 15, 15) == 2
    assert [in_force(db, day) for day in (date(2020, 1, 1), TODAY, TOMORROW, date(2030, 1, 1))] == [
        (None, 30),
        (1, 30),
        (2, 20),
        (2, 20),
    ]
    with db.reading() as session:
        assert [each.effective_from for each in rubrics.rubrics(session)] == [shipped_rubric()[0], TOMORROW]


def test_a_rubric_that_does_not_count_yet_can_be_replaced(db: Database) -> None:
    first = set_rubric(db, TOMORROW, 20, 35, 15, 15, 15)
    assert set_rubric(db, TOMORROW, 10, 45, 15, 15, 15) == first
    assert in_force(db, TOMORROW) == (first, 10)
    set_rubric(db, TODAY, 25, 30, 15, 15, 15)
    with pytest.raises(ConflictError):
        set_rubric(db, TODAY, 20, 35, 15, 15, 15)
    with pytest.raises(InvalidError):
        set_rubric(db, TODAY - timedelta(days=1), 20, 35, 15, 15, 15)
    assert in_force(db, TODAY)[1] == 25


def test_imports_at_one_moment_store_the_shipped_rubric_once(db: Database) -> None:
    barrier, found = threading.Barrier(3), list[int]()

    def store() -> None:
        barrier.wait()
        with db.transaction() as session:
            found.append(rubrics.stored_rubric(session, TODAY).id)

    threads = [threading.Thread(target=store) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 3
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Rubric)) == 1
