"""The story that a page of the editor is about: a draft, a published story, or a new one."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.articles.drafts.content import DraftContent, DraftSource, content_of_revision
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.publishing import EditorialContext
from newsletter.articles.drafts.saving import find_draft, find_draft_of
from newsletter.articles.models import Article, Revision
from newsletter.core import clock
from newsletter.core.runtime import runtime
from newsletter.staff.rights import NotAllowedError
from newsletter.staff.sessions import SignedIn


@dataclass(frozen=True)
class Story:
    """The story of a request, as it is stored."""

    draft: ArticleDraft | None = None
    slug: str | None = None
    """Of the published article."""
    current: Revision | None = None
    """The newest revision of the published article."""

    def content(self) -> DraftContent:
        """The content that the form begins with."""
        if self.draft is not None:
            return self.draft.content
        if self.current is not None:
            return content_of_revision(self.current)
        return DraftContent(date=editorial_context().today.isoformat(), points=("", ""), sources=(DraftSource(),))

    @property
    def path(self) -> str:
        return self.action("")

    def action(self, what: str) -> str:
        """The path of the editor, or of something that is done there: "publish", "preview"."""
        endpoint = f"desk.{{}}_{what}" if what else "desk.{}"
        if self.draft is not None:
            return url_for(endpoint.format("draft"), number=self.draft.id)
        if self.slug is not None:
            return url_for(endpoint.format("story"), slug=self.slug)
        return url_for(endpoint.format("new_story"))

    @property
    def presence_path(self) -> str:
        """Where a page says that the story is open, or closed; empty for a new one. That of the published story, where
        there is one: a page is left when its draft is published, and the draft's path is gone by then.
        """
        if self.slug is not None:
            return url_for("desk.story_presence", slug=self.slug)
        return url_for("desk.draft_presence", number=self.draft.id) if self.draft is not None else ""


def editorial_context() -> EditorialContext:
    """The conditions that stories are written under."""
    settings = runtime().settings
    return EditorialContext(settings.hype_labels, settings.timezone, clock.today(settings.timezone))


def story_of_draft(session: Session, number: int) -> Story:
    """The story of a draft. Raises DraftGoneError."""
    draft = find_draft(session, number)
    if draft.article_id is None:
        return Story(draft)
    slug = session.get_one(Article, draft.article_id).slug
    return Story(draft, slug, queries.get_current(session, slug))


def story_of_slug(session: Session, slug: str) -> Story:
    """A published story, with the draft that there may be of it. Raises NotFoundError."""
    return Story(find_draft_of(session, slug), slug, queries.get_current(session, slug))


def may_write(person: SignedIn, draft: ArticleDraft | None) -> bool:
    """Whether a person may change a draft; everybody may begin one."""
    return draft is None or person.may_change(draft.begun_by)


def require_writing(person: SignedIn, draft: ArticleDraft | None) -> None:
    """Raise NotAllowedError unless the person may change the draft."""
    if not may_write(person, draft):
        raise NotAllowedError(
            "draft.of_another", "Authors change the drafts that they began; this one is of somebody else."
        )
