"""Revisions of an article, one after the other. The newest alone is current.

The article's row is locked until the caller's transaction ends, so that changes of one article do not overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.articles import article_search, slugs
from newsletter.articles.changes import SMALL_CHANGE, Change
from newsletter.articles.models import CORRECTING, Article, PublishedBasis, Revision, RevisionKind
from newsletter.articles.queries import article_not_found
from newsletter.core import clock
from newsletter.core.errors import ConflictError


def revise(
    session: Session,
    slug: str,
    fields: Mapping[str, Any],
    change: Change = SMALL_CHANGE,
    *,
    rubric_id: int | None = None,
) -> Revision | None:
    """A further revision that differs in `fields` (of `models.CONTENT`); None when they are as they were.

    `rubric_id` is the rubric of parts of trust that are among the fields. Raises NotFoundError for an unknown slug, and
    what `add_revision` raises.
    """
    article = lock_article(session, slug)
    current = current_revision(session, article)
    return add_revision(session, article, {**current.content(), **fields}, change, rubric_id=rubric_id)


def withdraw(
    session: Session,
    slug: str,
    note: str,
    *,
    reported_at: datetime | None = None,
    published_at: datetime | None = None,
) -> Revision:
    """Withdraw an article: a revision with the content of the newest, which lists, digests, feeds and search leave out.

    `note` is the sentence that readers see. Raises NotFoundError, ConflictError when it is withdrawn already, and
    InvalidError as `Change.checked` does.
    """
    article = lock_article(session, slug)
    current = current_revision(session, article)
    if current.is_withdrawal:
        raise ConflictError("article.withdrawn_already", "“%(slug)s” is withdrawn already.", slug=slug)
    change = Change(RevisionKind.WITHDRAWAL, note, reported_at=reported_at, published_at=published_at)
    return _append(session, article, current, current.content(), change.checked(), current.rubric_id)


def add_revision(
    session: Session,
    article: Article,
    content: Mapping[str, Any],
    change: Change = SMALL_CHANGE,
    *,
    rubric_id: int | None = None,
) -> Revision | None:
    """A revision of a locked article with this content; None when that is the newest revision's already.

    A withdrawn article comes back by an update, whether its content changed or not. Raises ConflictError for another
    change of it, and InvalidError as `Change.checked` does.
    """
    change = change.checked()
    current = _newest(session, article)
    if current is None:
        return _append(session, article, None, content, change, rubric_id)
    comes_back = current.is_withdrawal and change.kind == RevisionKind.UPDATE
    if current.content() == content and not comes_back:
        return None
    if current.is_withdrawal and not comes_back:
        raise ConflictError(
            "article.withdrawn", "“%(slug)s” is withdrawn, and only an update brings it back.", slug=article.slug
        )
    same_parts = current.trust_parts == content["trust_parts"]
    return _append(session, article, current, content, change, current.rubric_id if same_parts else rubric_id)


def lock_article(session: Session, slug: str) -> Article:
    """The article, locked. Raises NotFoundError."""
    article = find_and_lock(session, slug) if slugs.is_slug(slug) else None
    if article is None:
        raise article_not_found(slug)
    return article


def find_and_lock(session: Session, slug: str) -> Article | None:
    """The article with this slug, locked; None if there is none."""
    return session.scalar(select(Article).where(Article.slug == slug).with_for_update())


def current_revision(session: Session, article: Article) -> Revision:
    """The newest revision, which is a withdrawal where the article is withdrawn."""
    return session.scalars(select(Revision).where(Revision.article_id == article.id, Revision.is_current)).one()


def _newest(session: Session, article: Article) -> Revision | None:
    """The newest revision; None for an article that was just made."""
    return session.scalar(select(Revision).where(Revision.article_id == article.id, Revision.is_current))


def _append(
    session: Session,
    article: Article,
    current: Revision | None,
    content: Mapping[str, Any],
    change: Change,
    rubric_id: int | None,
) -> Revision:
    if current is not None:
        # A single flush would insert before it updates, and for a moment two revisions would be the newest.
        session.execute(update(Revision).where(Revision.id == current.id).values(is_current=False))
        said = {name: getattr(change, name) for name in ("kind", "note", "serious", "reported_at")}
    else:
        said = {"kind": RevisionKind.FIRST}
    published_at, basis = _published(content, change, is_first=current is None)
    revision = Revision(
        article=article,
        number=current.number + 1 if current is not None else 1,
        is_current=True,
        was_corrected=change.kind in CORRECTING or (current is not None and current.was_corrected),
        published_at=published_at,
        published_at_basis=basis,
        rubric_id=rubric_id if content["trust_parts"] else None,
        **said,
        **content,
    )
    session.add(revision)
    session.flush()
    article_search.replace_entry(session, current, revision)
    return revision


def _published(content: Mapping[str, Any], change: Change, *, is_first: bool) -> tuple[datetime, PublishedBasis]:
    if change.published_at is not None:
        return change.published_at, PublishedBasis.GIVEN
    if is_first:
        return datetime.combine(content["date"], time(), UTC), PublishedBasis.PAGE_DATE
    return clock.now(), PublishedBasis.IMPORT
