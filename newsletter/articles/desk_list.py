"""The list of stories at the desk: newest revisions, withdrawn ones too, by more filters than readers have.

As in `article_list` a page begins at a cursor, and the index gives its rows in order. Words are looked up in the search
index, whose newest hits are then filtered: MOST_HITS of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, select, tuple_
from sqlalchemy.orm import Session

from newsletter.articles import article_search
from newsletter.articles.article_list import Cursor
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.models import Article, Revision, RevisionKind
from newsletter.core.db import plain_rows, unindexed
from newsletter.core.search import FIRST, LAST, MOST_COUNTED, Place, SearchQuery, label

MOST_HITS = MOST_COUNTED + 1


@dataclass(frozen=True)
class DeskFilter:
    """The wanted stories; what is None or empty stands for all of them."""

    query: SearchQuery | None = None
    section: str | None = None
    min_trust: int = 0
    hype: tuple[str, ...] = ()
    """The labels up to the highest that is wanted."""
    since: date | None = None
    is_corrected: bool = False
    is_withdrawn: bool = False
    is_drafted: bool = False
    """Whether there is a draft of a change."""
    use: ColumnElement[bool] | None = field(default=None, compare=False)
    """A condition on `Revision` about digests, which this package does not know."""
    hits: Sequence[int] | None = field(default=None, compare=False)
    """The articles with the words, once they were looked up (`with_hits`)."""

    @property
    def is_everything(self) -> bool:
        return self == DeskFilter() and self.use is None

    @property
    def is_of_index(self) -> bool:
        """Whether the search index answers it all."""
        others = replace(self, query=None, section=None, since=None)
        return self.query is not None and others.is_everything


class DeskArticle(NamedTuple):
    """A story as the desk lists it."""

    article_id: int
    slug: str
    number: int
    kind: RevisionKind
    language: str
    section: str
    date: date
    title: str
    trust: int
    hype: str
    source_count: int
    draft_id: int | None
    """The draft of a change, if there is one."""

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.date, self.article_id)


class DeskPage(NamedTuple):
    """A page of the list, and where the next one begins; None at the end."""

    articles: list[DeskArticle]
    older: Cursor | None


class ListedDraft(NamedTuple):
    """A draft as lists show it."""

    id: int
    title: str
    slug: str | None
    """Of the article that it changes; None for a new story."""
    base_number: int
    begun_by: int
    saved_by: int
    saved_at: datetime


_ORDER = (Revision.date.desc(), Revision.article_id.desc())


def with_hits(session: Session, wanted: DeskFilter) -> DeskFilter:
    """The filter with the articles that have its words, so that the list and its count look them up once; not where
    the index answers it all: to count takes less there than to find the newest."""
    if wanted.query is None or wanted.is_of_index:
        return wanted
    return replace(wanted, hits=_hits(session, wanted, None, MOST_HITS))


def desk_page(session: Session, size: int, wanted: DeskFilter, before: Cursor | None = None) -> DeskPage:
    """The newest `size` of the wanted stories: of all, or of those older than `before`."""
    conditions = _conditions(session, wanted, before, size + 1 if wanted.is_of_index else MOST_HITS)
    query = _LISTING.where(*conditions).order_by(*_ORDER).limit(size + 1)
    found = [DeskArticle._make(row) for row in plain_rows(session, query)]
    return DeskPage(found[:size], found[size - 1].cursor if len(found) > size else None)


def count_desk(session: Session, wanted: DeskFilter) -> int:
    """The number of such stories; MOST_COUNTED + 1 for all larger numbers."""
    if wanted.query is not None and wanted.is_of_index:
        return article_search.INDEX.count(session, wanted.query, **_searched(wanted, None))
    # In the order of the index that has what is filtered by: any other has SQLite read each row.
    conditions = _conditions(session, wanted, None, MOST_HITS)
    newest = select(Revision.article_id).where(*conditions).order_by(*_ORDER)
    some = newest.limit(MOST_COUNTED + 1).subquery()
    return plain_rows(session, select(func.count()).select_from(some)).scalar() or 0


def wider_filters(wanted: DeskFilter) -> list[DeskFilter]:
    """Wider filters for when nothing is found: the same words everywhere, else each word alone, else all stories."""
    if wanted.query is None:
        return [DeskFilter()]
    everywhere = DeskFilter(query=wanted.query)
    words = [replace(everywhere, query=word) for word in wanted.query.word_by_word()[:2]]
    return ([everywhere] if everywhere != wanted else []) + words


def corrected_since(session: Session, article_ids: Sequence[int]) -> dict[int, datetime]:
    """The time of the newest correction of each of these articles that has one."""
    return {row.article_id: row.published_at for row in plain_rows(session, _CORRECTED, {"articles": article_ids})}


def listed_drafts(session: Session, size: int, *, words: str = "") -> list[ListedDraft]:
    """The drafts that were saved last, at most `size`; with `words` those that have them in their headline."""
    columns = (Article.slug if name == "slug" else getattr(ArticleDraft, name) for name in ListedDraft._fields)
    query = (
        select(*columns)
        .select_from(ArticleDraft)
        .outerjoin(Article)
        .order_by(ArticleDraft.saved_at.desc(), ArticleDraft.id.desc())
    )
    if words:
        query = query.where(ArticleDraft.title.icontains(words, autoescape=True))
    return [ListedDraft._make(row) for row in session.execute(query.limit(size))]


def count_drafts(session: Session) -> int:
    """The number of drafts."""
    return plain_rows(session, _DRAFT_COUNT).scalar() or 0


def _listing() -> Select[*tuple[Any, ...]]:
    own: dict[str, Any] = {"slug": Article.slug, "draft_id": ArticleDraft.id}
    columns = (own[name] if name in own else getattr(Revision, name) for name in DeskArticle._fields)
    found = select(*columns).select_from(Revision).join(Article, Article.id == Revision.article_id)
    return found.outerjoin(ArticleDraft, ArticleDraft.article_id == Revision.article_id)


_LISTING = _listing()
_CORRECTED = (
    select(Revision.article_id, Revision.published_at)
    .where(Revision.article_id.in_(bindparam("articles", expanding=True)), Revision.kind == RevisionKind.CORRECTION)
    .order_by(Revision.number)
)
_DRAFT_COUNT = select(func.count()).select_from(ArticleDraft)


def _conditions(
    session: Session, wanted: DeskFilter, before: Cursor | None, most_hits: int
) -> Iterator[ColumnElement[bool]]:
    yield and_(Revision.is_current)
    yield from _about_the_revision(wanted)
    if wanted.is_corrected or wanted.is_withdrawn:  # a withdrawal counts as a correction
        yield and_(Revision.was_corrected)
    if wanted.is_drafted:
        drafted = select(ArticleDraft.article_id).where(ArticleDraft.article_id.is_not(None))
        yield Revision.article_id.in_(drafted)
    if wanted.use is not None:
        yield wanted.use
    if before is not None:
        yield tuple_(Revision.date, Revision.article_id) < (before.date, before.article_id)
    if wanted.query is not None:
        yield Revision.article_id.in_(_hits(session, wanted, before, most_hits))


def _about_the_revision(wanted: DeskFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.section is not None:
        yield Revision.section == wanted.section
    if wanted.min_trust:
        yield Revision.trust >= wanted.min_trust
    if len(wanted.hype) == 1:
        yield Revision.hype == wanted.hype[0]
    elif wanted.hype:  # unindexed: SQLite would sort what it finds by several labels, and most stories have one of them
        yield unindexed(Revision.hype).in_(wanted.hype)
    if wanted.since is not None:
        yield Revision.date >= wanted.since
    if wanted.is_withdrawn:
        yield Revision.kind == RevisionKind.WITHDRAWAL


def _hits(session: Session, wanted: DeskFilter, before: Cursor | None, most: int) -> Sequence[int]:
    """The newest articles with the words, the newest first."""
    assert wanted.query is not None
    if wanted.hits is not None and before is None:
        return wanted.hits[:most]
    places = article_search.INDEX.find(session, wanted.query, most, **_searched(wanted, before))
    return [place.number for place in places]


def _searched(wanted: DeskFilter, before: Cursor | None) -> dict[str, Any]:
    """The conditions that the index knows, in its words."""
    return {
        "labels": [label(wanted.section)] if wanted.section is not None else [],
        "first": int(Place(wanted.since, 0)) if wanted.since is not None else FIRST,
        "last": int(Place(before.date, before.article_id)) - 1 if before is not None else LAST,
    }
