"""Importing a parsed page: a new article, a further revision, or nothing new."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.articles import slugs
from newsletter.articles.changes import SMALL_CHANGE, Change
from newsletter.articles.models import Article, Revision
from newsletter.articles.page import ParsedPage
from newsletter.articles.revising import add_revision, find_and_lock, lock_article
from newsletter.articles.rubrics import stored_rubric
from newsletter.core import clock


class ImportedPage(NamedTuple):
    """The outcome of a page's import."""

    outcome: Literal["created", "revised", "unchanged"]
    slug: str


def import_page(
    session: Session,
    page: ParsedPage,
    *,
    slug: str | None = None,
    change: Change = SMALL_CHANGE,
    today: date | None = None,
) -> ImportedPage:
    """Store a page as an article's newest revision.

    The title gives the slug, which identifies the article; `slug` names the article when its title changed. A page with
    the content of the newest revision changes nothing. Of an article that is new, `change` says at most when it was
    published. A source without an address keeps the one that it had. Parts of trust were given under the rubric of
    `today` (None: in UTC); those of an older one stay with an article that has them. The article's row is locked until
    the caller's transaction ends, so imports of one article do not overlap. Raises NotFoundError for an unknown `slug`,
    PageError for parts that only an older rubric has, and what `add_revision` raises.
    """
    article = lock_article(session, slug) if slug is not None else _find_or_create(session, page)
    content = page.content()
    if page.outdated is not None and _parts_of(session, article) != content["trust_parts"]:
        raise page.outdated
    content["sources_json"] = _with_known_addresses(session, article, content["sources_json"])
    rubric_id = stored_rubric(session, today or clock.now().date()).id if page.trust_parts else None
    revision = add_revision(session, article, content, change, rubric_id=rubric_id)
    if revision is None:
        return ImportedPage("unchanged", article.slug)
    return ImportedPage("created" if revision.number == 1 else "revised", article.slug)


def article_of_page(session: Session, page: ParsedPage) -> str | None:
    """The slug of the article that an import of this page would revise; None where it would be a new one."""
    slug = _slug_for(session, page)
    return session.scalar(select(Article.slug).where(Article.slug == slug))


def with_known_addresses(session: Session, slug: str, sources: list[dict[str, str]]) -> list[dict[str, str]]:
    """The sources, those without an address with the one that the article has for them."""
    return _with_known_addresses(session, session.scalars(select(Article).where(Article.slug == slug)).one(), sources)


def _with_known_addresses(session: Session, article: Article, sources: list[dict[str, str]]) -> list[dict[str, str]]:
    """The sources, those without an address with the one that the newest revision has for them.

    The text of a saved page has seldom addresses; an editor gave them, and a further import must not lose them.
    """
    newest = select(Revision.sources_json).where(Revision.article_id == article.id, Revision.is_current)
    known = {(each["publisher"], each["title"]): each["url"] for each in session.scalar(newest) or ()}
    return [{**each, "url": each["url"] or known.get((each["publisher"], each["title"]), "")} for each in sources]


def _parts_of(session: Session, article: Article) -> list[dict[str, Any]] | None:
    """The parts of trust of the newest revision."""
    return session.scalar(select(Revision.trust_parts).where(Revision.article_id == article.id, Revision.is_current))


def _find_or_create(session: Session, page: ParsedPage) -> Article:
    """The page's article, locked. Whenever another import was faster between two statements, look again."""
    while True:
        slug = _slug_for(session, page)
        article = find_and_lock(session, slug)
        if article is None:
            if (new := _create(session, slug)) is not None:
                return new
        elif _slug_for(session, page) == slug:
            return article


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
