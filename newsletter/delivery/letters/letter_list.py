"""The list of letters, newest first, in pages; by month, year or section, or those with some words.

A cursor is the name of a letter: the page holds the letters before or after it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload, selectinload

from newsletter.articles.models import Revision
from newsletter.core.cadence import READER_CADENCES
from newsletter.core.search import SearchQuery
from newsletter.delivery.letters.going_out import may_have_gone_out
from newsletter.digests import digest_search
from newsletter.digests.letter_names import is_letter_name
from newsletter.digests.models import Digest, DigestArticle, DigestCorrection

_PERIOD = re.compile(r"([12]\d{3})(?:-(0[1-9]|1[0-2]))?", re.ASCII)
"""In years that have a neighbour, as the calendar's first and last have not."""
_ARTICLES = selectinload(Digest.items).joinedload(DigestArticle.revision)
_WHOLE = _ARTICLES.joinedload(Revision.article)
# In the same query: few corrections make a row longer, and another query costs a page more.
_TOLD = joinedload(Digest.carried).joinedload(DigestCorrection.revision).joinedload(Revision.article)
_SECTIONS = _ARTICLES.load_only(Revision.section, Revision.article_id)


MOST_FOUND = 1000
"""Letters that a search finds, the newest."""


class LetterFilter(NamedTuple):
    """The letters of a list; without any condition all of them."""

    period: str = ""
    """A month such as "2026-04", or a year."""
    section: str = ""
    """Of at least one story."""
    query: SearchQuery | None = None
    """Of the subject, and of headlines and deks as they were sent."""


ALL = LetterFilter()


class LetterList(NamedTuple):
    """A page of the list of letters."""

    letters: list[Digest]
    """Newest first; of their stories only the sections are read."""
    newer: str | None
    """The cursor of the page of newer letters, if there are any."""
    older: str | None


class _Place(NamedTuple):
    """The place of a letter in the list."""

    since: datetime | None
    digest_id: int


class Neighbours(NamedTuple):
    """The letters beside one in the list."""

    before: Digest | None
    after: Digest | None


def is_period(text: str) -> bool:
    """Whether `text` is a year or a month as in the names of letters."""
    return _PERIOD.fullmatch(text) is not None


def get_letter(session: Session, name: str) -> Digest | None:
    """The letter of that name with its stories and corrections, if the digest went out."""
    if not is_letter_name(name):
        return None
    query = select(Digest).where(Digest.letter_name == name).options(_WHOLE, _TOLD)
    digest = session.scalars(query).unique().one_or_none()
    return digest if digest is not None and may_have_gone_out(session, digest) else None


def latest_letter(session: Session) -> Digest | None:
    """The last letter of a cadence that readers choose, with its stories: what they usually get."""
    return session.scalars(select_latest_letter()).unique().one_or_none()


def select_latest_letter() -> Select[Digest]:
    """The query for it with its stories, to which others add columns. A row for each story: ask for `unique()`."""
    usual = select(Digest).where(_IS_LISTED, Digest.cadence.in_(READER_CADENCES))
    stories = joinedload(Digest.items).joinedload(DigestArticle.revision).joinedload(Revision.article)
    return usual.order_by(*_NEWEST).limit(1).options(stories)


def newest_letters(session: Session, count: int) -> Sequence[Digest]:
    """The last `count` letters with their stories, the newest first."""
    query = select(Digest).where(_IS_LISTED).order_by(*_NEWEST).limit(count).options(_WHOLE, _TOLD)
    return session.scalars(query).unique().all()


def count_letters(session: Session) -> int:
    """The number of letters in the list, which no letter leaves."""
    return session.scalar(select(func.count()).select_from(Digest).where(_IS_LISTED)) or 0


def letter_names(session: Session, count: int) -> list[str]:
    """The names of the last `count` letters, the newest first."""
    names = session.scalars(select(Digest.letter_name).where(_IS_LISTED).order_by(*_NEWEST).limit(count))
    return [name for name in names if name]


def neighbours(session: Session, letter: Digest) -> Neighbours:
    """The letters before and after one."""
    place = _Place(letter.letter_since or letter.scheduled_at, letter.id)
    before = select(Digest.id).where(_IS_LISTED, _is_older(place)).order_by(*_NEWEST).limit(1)
    after = select(Digest.id).where(_IS_LISTED, _is_newer(place)).order_by(*_OLDEST).limit(1)
    found = session.scalars(
        select(Digest).where(or_(Digest.id == before.scalar_subquery(), Digest.id == after.scalar_subquery()))
    ).all()
    by_side = {_Place(each.letter_since, each.id) < place: each for each in found}
    return Neighbours(by_side.get(True), by_side.get(False))


def letter_page(
    session: Session, size: int, which: LetterFilter = ALL, *, before: str = "", after: str = ""
) -> LetterList:
    """The page of `size` letters that a cursor begins, else the newest. An unknown cursor gives an empty page."""
    query = select(Digest).where(_IS_LISTED, *_conditions(session, which)).options(_SECTIONS)
    place = _place_of(session, before or after)
    if place is None and (before or after):
        return LetterList([], None, None)
    if after:
        rows = session.scalars(query.where(_is_newer(place)).order_by(*_OLDEST).limit(size + 1)).all()
        letters, has_more = list(reversed(rows[:size])), len(rows) > size
        return _page(letters, has_newer=has_more, has_older=True)
    if before:
        query = query.where(_is_older(place))
    rows = session.scalars(query.order_by(*_NEWEST).limit(size + 1)).all()
    return _page(list(rows[:size]), has_newer=bool(before), has_older=len(rows) > size)


def count_by_month(session: Session) -> Counter[str]:
    """The number of letters of each month, such as "2026-04", newest first."""
    month = func.substr(Digest.letter_name, 1, 7)
    rows = session.execute(select(month, func.count()).where(_IS_LISTED).group_by(month).order_by(month.desc()))
    return Counter({row[0]: row[1] for row in rows})


def _page(letters: list[Digest], *, has_newer: bool, has_older: bool) -> LetterList:
    if not letters:
        return LetterList([], None, None)
    newer = letters[0].letter_name if has_newer else None
    return LetterList(letters, newer, letters[-1].letter_name if has_older else None)


def _conditions(session: Session, which: LetterFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if which.period:
        begin, end = _span(which.period)
        # The span is found in the index; a day at its edges belongs to a month by the publication's zone, as the name.
        found += [Digest.letter_since >= begin - timedelta(days=2), Digest.letter_since < end + timedelta(days=2)]
        found.append(func.substr(Digest.letter_name, 1, len(which.period)) == which.period)
    holds = select(DigestArticle.id).join(DigestArticle.revision).where(DigestArticle.digest_id == Digest.id)
    if which.section:
        found.append(holds.where(Revision.section == which.section).exists())
    if which.query is not None:
        hits = digest_search.INDEX.find(session, which.query, MOST_FOUND)
        found.append(Digest.id.in_([place.number for place in hits]))
    return found


def _span(period: str) -> tuple[datetime, datetime]:
    year, month = period[:4], period[5:]
    begin = datetime(int(year), int(month or 1), 1, tzinfo=UTC)
    return begin, begin + timedelta(days=31 if month else 366)


def _place_of(session: Session, name: str) -> _Place | None:
    """The place of the letter of that name in the list."""
    if not is_letter_name(name):
        return None
    query = select(Digest.letter_since, Digest.id).where(_IS_LISTED, Digest.letter_name == name)
    found = session.execute(query).first()
    return _Place(*found) if found else None


def _is_older(place: _Place | None) -> ColumnElement[bool]:
    return tuple_(Digest.letter_since, Digest.id) < place


def _is_newer(place: _Place | None) -> ColumnElement[bool]:
    return tuple_(Digest.letter_since, Digest.id) > place


_IS_LISTED = Digest.letter_since.is_not(None)
_NEWEST = (Digest.letter_since.desc(), Digest.id.desc())
_OLDEST = (Digest.letter_since, Digest.id)
