"""Beginning, saving and discarding drafts: the one module that writes their rows.

A save says from which version it was made, and the key of the form that it comes from. A save on an older version is
refused, so that nobody's words are overwritten silently, unless the newer version was saved by that very form: then
only the answer was lost.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.articles.drafts.content import DraftContent
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.models import Article, Revision
from newsletter.articles.queries import get_current
from newsletter.core import clock
from newsletter.core.errors import ConflictError, NotFoundError
from newsletter.core.storable_text import storable

LONGEST_KEY = 64


class DraftChangedError(ConflictError):
    """Somebody else, or another form, saved the draft meanwhile. Nothing was overwritten; `number` is the draft's."""

    def __init__(self, code: str, draft: ArticleDraft) -> None:
        super().__init__(code, "The draft was saved elsewhere as version %(version)d.", version=draft.version)
        self.number = draft.id


class DraftGoneError(NotFoundError):
    """There is no such draft, or not any more."""


def find_draft(session: Session, number: int, *, for_change: bool = False) -> ArticleDraft:
    """The draft of this number; `for_change` locks it. Raises DraftGoneError."""
    found = session.get(ArticleDraft, number, with_for_update=for_change, populate_existing=for_change)
    if found is None:
        raise DraftGoneError(
            "draft.not_found", "There is no draft %(number)d: it was published or discarded.", number=number
        )
    return found


def find_draft_of(session: Session, slug: str) -> ArticleDraft | None:
    """The draft of a change to a published article."""
    return session.scalar(select(ArticleDraft).join(Article).where(Article.slug == slug))


def begin_draft(
    session: Session,
    content: DraftContent,
    *,
    by: int,
    key: str,
    slug: str | None = None,
    base: int = 0,
    is_page: bool = False,
) -> ArticleDraft:
    """A draft of a new story, or of a change to the article with this slug; `by` is the number of the person.

    `base` is the number of the revision that the words were written from, 0 for the newest. The same form gets the
    draft that it began before. Raises NotFoundError for an unknown slug, and DraftChangedError where another form, or
    another person with it, began the draft.
    """
    key = storable(key[:LONGEST_KEY])
    current = get_current(session, slug) if slug is not None else None
    known = _begun(session, key, current)
    if known is None:
        draft = _new_draft(content, by=by, key=key, current=current, base=base, is_page=is_page)
        try:
            with session.begin_nested():
                session.add(draft)
        except IntegrityError:
            known = _begun(session, key, current)
            assert known is not None
        else:
            return draft
    if known.begun_with != key or known.begun_by != by:
        raise DraftChangedError("draft.changed", known)
    return save_draft(session, known.id, content, version=known.version, by=by, key=key)


def save_draft(
    session: Session, number: int, content: DraftContent, *, version: int, by: int, key: str
) -> ArticleDraft:
    """Save content that was made from `version` of the draft. Content that is saved already changes nothing.

    Raises DraftGoneError, and DraftChangedError for a save on an older version than another form's.
    """
    draft, key = find_draft(session, number, for_change=True), storable(key[:LONGEST_KEY])
    content = content.tidy()
    if draft.content == content:
        return draft
    if draft.version != version and draft.saved_with != key:
        raise DraftChangedError("draft.changed", draft)
    draft.fields = content.to_json()
    draft.title = content.title
    draft.version += 1
    draft.saved_by, draft.saved_with, draft.saved_at = by, key, clock.now()
    session.flush()
    return draft


def delete_draft(session: Session, number: int, *, version: int) -> None:
    """Delete a draft that was published, or that its author gives up. Raises DraftGoneError, and DraftChangedError."""
    draft = find_draft(session, number, for_change=True)
    if draft.version != version:
        raise DraftChangedError("draft.changed", draft)
    session.execute(delete(ArticleDraft).where(ArticleDraft.id == number))


def _new_draft(
    content: DraftContent, *, by: int, key: str, current: Revision | None, base: int, is_page: bool
) -> ArticleDraft:
    content, newest = content.tidy(), current.number if current is not None else 0
    return ArticleDraft(
        article_id=current.article_id if current is not None else None,
        base_number=base if 0 < base < newest else newest,
        is_page=is_page,
        version=1,
        fields=content.to_json(),
        title=content.title,
        begun_by=by,
        begun_with=key,
        saved_by=by,
        saved_with=key,
    )


def _begun(session: Session, key: str, current: Revision | None) -> ArticleDraft | None:
    """The draft that this form began, else the one that the article has."""
    found = session.scalar(select(ArticleDraft).where(ArticleDraft.begun_with == key))
    if found is None and current is not None:
        found = session.scalar(select(ArticleDraft).where(ArticleDraft.article_id == current.article_id))
    return found
