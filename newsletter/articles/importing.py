"""Importing a parsed page: a new article, a further revision, or nothing new."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.articles import slugs
from newsletter.articles.models import Article, Revision
from newsletter.articles.page import ParsedPage
from newsletter.articles.queries import article_not_found


class ImportedPage(NamedTuple):
    """The outcome of a page's import."""

    outcome: Literal["created", "revised", "unchanged"]
    slug: str


def import_page(session: Session, page: ParsedPage, *, slug: str | None = None) -> ImportedPage:
    """Store a page as an article's newest revision.

    The title gives the slug, which identifies the article; `slug` names the article when its title changed. A page with
    the content of the newest revision changes nothing. The article's row is locked until the caller's transaction ends,
    so imports of one article do not overlap. Raises NotFoundError for an unknown `slug`.
    """
    article = _lock_existing(session, slug) if slug is not None else _find_or_create(session, page)
    current = session.scalar(select(Revision).where(Revision.article_id == article.id, Revision.is_current))
    if current is not None:
        if current.content() == page.content():
            return ImportedPage("unchanged", article.slug)
        # A single flush would insert before it updates, and for a moment two revisions would be the newest.
        session.execute(update(Revision).where(Revision.id == current.id).values(is_current=False))
    number = current.number + 1 if current is not None else 1
    session.add(Revision(article=article, number=number, is_current=True, **page.content()))
    session.flush()
    return ImportedPage("created" if number == 1 else "revised", article.slug)


def _lock_existing(session: Session, slug: str) -> Article:
    article = _lock(session, slug) if slugs.is_slug(slug) else None
    if article is None:
        raise article_not_found(slug)
    return article


def _find_or_create(session: Session, page: ParsedPage) -> Article:
    """The page's article, locked. Whenever another import was faster between two statements, look again."""
    while True:
        slug = _slug_for(session, page)
        article = _lock(session, slug)
        if article is None:
            if (new := _create(session, slug)) is not None:
                return new
        elif _slug_for(session, page) == slug:
            return article


def _lock(session: Session, slug: str) -> Article | None:
    return session.scalar(select(Article).where(Article.slug == slug).with_for_update())


def _create(session: Session, slug: str) -> Article | None:
    """A new article; None if another import has just created one with this slug."""
    article = Article(slug=slug)
    try:
        with session.begin_nested():
            session.add(article)
    except IntegrityError:
        return None
    return article


def _slug_for(session: Session, page: ParsedPage) -> str:
    """The slug of the page's article, known or new.

    An article that ever had this title is the page's. So a page that was imported with `slug` is known by its new title
    from then on. Two articles whose titles merely shorten to the same slug remain separate.
    """
    with_title = (
        select(Article.slug).join(Revision).where(Revision.title == page.title).order_by(Revision.article_id).limit(1)
    )
    if (known := session.scalar(with_title)) is not None:
        return known
    slug = slugs.slug_of(page.title, page.date)
    titles = session.scalars(select(Revision.title).join(Article).where(Article.slug == slug)).all()
    if titles and not any(slugs.same_words(title, page.title) for title in titles):
        return slugs.other_slug(page.title, page.date)
    return slug
