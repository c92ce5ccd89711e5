"""Publishing a draft: as a new article's first revision, or as a published one's next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.articles import slugs
from newsletter.articles.changes import SMALL_CHANGE, Change
from newsletter.articles.drafts.checking import ContentCheck, DraftError, change_of
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.saving import DraftChangedError, delete_draft, find_draft
from newsletter.articles.models import Article, Revision, Rubric
from newsletter.articles.revising import add_revision, current_revision
from newsletter.articles.rubrics import parts_of, rubric_in_force, stored_rubric
from newsletter.core import clock
from newsletter.core.errors import ConflictError, InvalidError

UNCHANGED = "Nothing differs from revision %(number)d, so there is nothing to publish."


class EditorialContext(NamedTuple):
    """The conditions that stories are written under: settings of the publication, and its day."""

    hype_labels: Sequence[str]
    zone: ZoneInfo
    today: date


def rubric_of(session: Session, base: Revision | None, today: date) -> Rubric:
    """The rubric of a draft: the one under which its article has parts of trust, else the one in force."""
    if base is not None and base.trust_parts and base.rubric is not None:
        return base.rubric
    return rubric_in_force(session, today)


def base_of(session: Session, draft: ArticleDraft) -> Revision | None:
    """The newest revision of the draft's article; None for a new story."""
    article = session.get(Article, draft.article_id) if draft.article_id is not None else None
    return current_revision(session, article) if article is not None else None


def publish_draft(session: Session, number: int, context: EditorialContext, *, version: int, base: int) -> Revision:
    """Publish a draft in the version, and on the revision, that the editor saw; its row goes.

    `base` is the number of the article's newest revision, 0 for a new story. Raises DraftError with what is wrong in
    which field, DraftGoneError, DraftChangedError, and ConflictError when the article has another revision by now.
    """
    draft = find_draft(session, number, for_change=True)
    if draft.version != version:
        raise DraftChangedError("draft.changed", draft)
    article = session.get(Article, draft.article_id, with_for_update=True) if draft.article_id is not None else None
    current = current_revision(session, article) if article is not None else None
    if (current.number if current is not None else 0) != base:
        raise ConflictError("draft.outdated", "The story was changed meanwhile. Look at what differs now.")
    rubric = rubric_of(session, current, context.today)
    entered = draft.content
    check = ContentCheck(entered, parts_of(rubric), context.hype_labels, context.today)
    change = change_of(entered, context.zone, check.errors) if current is not None else _first_change(draft)
    if check.errors:
        raise DraftError("draft.incomplete", check.errors)
    rubric_id = None
    if check.values["trust_parts"]:
        rubric_id = rubric.id or stored_rubric(session, context.today).id
    if article is None:
        article = _create_article(session, check.values)
    revision = _add(session, article, current, check.values, change, rubric_id)
    delete_draft(session, number, version=version)
    return revision


def _first_change(draft: ArticleDraft) -> Change:
    """A saved page was published on its day; everything else is published now."""
    return SMALL_CHANGE if draft.is_page else replace(SMALL_CHANGE, published_at=clock.now())


def _add(
    session: Session,
    article: Article,
    current: Revision | None,
    values: Mapping[str, Any],
    change: Change,
    rubric_id: int | None,
) -> Revision:
    if current is not None:
        change = replace(change, published_at=clock.now())
    try:
        revision = add_revision(session, article, values, change, rubric_id=rubric_id)
    except ConflictError as error:
        raise DraftError("draft.incomplete", {"kind": error}) from error
    if revision is None:
        assert current is not None
        raise DraftError(
            "draft.incomplete", {"title": InvalidError("draft.unchanged", UNCHANGED, number=current.number)}
        )
    return revision


def _create_article(session: Session, values: Mapping[str, Any]) -> Article:
    """A new article with a slug of its own."""
    title, day = values["title"], values["date"]
    names = [slugs.slug_of(title, day), slugs.other_slug(title, day)]
    names += [f"{names[1]}-{number}" for number in range(2, 100)]
    for slug in names:
        article = Article(slug=slug)
        try:
            with session.begin_nested():
                session.add(article)
        except IntegrityError:
            continue
        return article
    raise ConflictError("draft.slugs_used_up", "There are a hundred stories with this headline already.")
