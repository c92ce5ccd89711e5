"""Articles by their slugs, and the sections in use, which are those of listed articles."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from newsletter.articles.listed import is_listed
from newsletter.articles.models import Article, Revision
from newsletter.articles.slugs import is_slug
from newsletter.core.db import plain_rows
from newsletter.core.errors import NotFoundError
from newsletter.core.languages import gettext_noop
from newsletter.core.name_rules import is_name


def get_article(session: Session, slug: str) -> Article:
    """The article with all its revisions. Raises NotFoundError."""
    article = None
    if is_slug(slug):  # other texts are not looked up: PostgreSQL refuses some, such as one with a NUL
        article = session.scalar(select(Article).where(Article.slug == slug).options(selectinload(Article.revisions)))
    if article is None:
        raise article_not_found(slug)
    return article


def get_current(session: Session, slug: str) -> Revision:
    """The newest revision of an article, which is a withdrawal where it is withdrawn; no others are read.

    Raises NotFoundError.
    """
    query = select(Revision).join(Article).where(Revision.is_current, Article.slug == slug)
    found = session.scalar(query.options(contains_eager(Revision.article))) if is_slug(slug) else None
    if found is None:
        raise article_not_found(slug)
    return found


def article_not_found(slug: str) -> NotFoundError:
    """The error for a slug that no article has."""
    shown = slug if is_slug(slug) else ascii(slug)[1:-1]
    return NotFoundError("article.not_found", NOT_FOUND, slug=shown)


NOT_FOUND = gettext_noop("There is no article “%(slug)s”.")


def sections(session: Session) -> list[str]:
    """The sections that readers can choose, in alphabetical order: those in use whose names are accepted.

    Older versions stored longer names. Nobody can choose these, so no form offers them.
    """
    return sorted(filter(is_name, plain_rows(session, _SECTIONS).scalars()))


def _sections() -> Select[str]:
    """Each section is looked up in the index behind the one before: DISTINCT would read all articles."""
    first = select(func.min(Revision.section).label("name")).where(is_listed())
    found = first.cte("found", recursive=True)
    following = select(func.min(Revision.section)).where(is_listed(), Revision.section > found.c.name)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.name.is_not(None)))
    return select(found.c.name).where(found.c.name.is_not(None))


_SECTIONS = _sections()
"""Made once: making it took longer than running it."""


def slugs_of(session: Session, article_ids: Collection[int | None]) -> dict[int, str]:
    """The slugs of these articles, by their numbers."""
    rows = session.execute(select(Article.id, Article.slug).where(Article.id.in_(article_ids)))
    return {row.id: row.slug for row in rows}
