"""Publishing what the editor's form holds, discarding a draft, and withdrawing a story."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles.drafts.checking import DraftError
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.publishing import publish_draft
from newsletter.articles.drafts.saving import DraftChangedError, DraftGoneError, delete_draft, find_draft
from newsletter.articles.models import Revision
from newsletter.articles.revising import withdraw
from newsletter.core.errors import ConflictError, InvalidError, NewsletterError
from newsletter.core.runtime import runtime
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, AuditObject
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.conflict import refused_save
from newsletter.web.desk.articles.editor import begin_from_form, editor_page, save_of_draft, save_of_slug
from newsletter.web.desk.articles.story import editorial_context, require_writing, story_of_draft, story_of_slug
from newsletter.web.desk.articles.story_form import StoryForm, read_story_form
from newsletter.web.desk.blueprint import desk, signed_in


@desk.post("/articles/new/publish")
@needs(Right.PUBLISH)
def new_story_publish() -> ResponseReturnValue:
    """Publish a story of which there is no draft yet."""
    return _publish(begin_from_form)


@desk.post("/articles/stories/<slug>/publish")
@needs(Right.PUBLISH)
def story_publish(slug: str) -> ResponseReturnValue:
    """Publish a change to a story."""
    return _publish(lambda session, form: save_of_slug(session, form, slug))


@desk.post("/articles/drafts/<int:number>/publish")
@needs(Right.PUBLISH)
def draft_publish(number: int) -> ResponseReturnValue:
    """Publish a draft."""
    return _publish(lambda session, form: save_of_draft(session, form, number))


@desk.post("/articles/drafts/<int:number>/discard")
@needs(Right.WRITE)
def draft_discard(number: int) -> ResponseReturnValue:
    """Give a draft up."""
    form = read_story_form(request.form)
    try:
        with runtime().db.transaction() as session:
            require_writing(signed_in(), find_draft(session, number))
            delete_draft(session, number, version=form.version)
            audit.record(session, AuditAction.DRAFT_DISCARDED, by=signed_in().actor, on=AuditObject("draft", number))
    except (DraftChangedError, DraftGoneError) as error:
        return refused_save(error, form)
    return redirect(url_for("desk.articles", done="discarded"), 303)


@desk.post("/articles/stories/<slug>/withdraw")
@needs(Right.PUBLISH)
def story_withdraw(slug: str) -> ResponseReturnValue:
    """Withdraw a story, with a sentence for readers. A draft of a change stays."""
    sentence = request.form.get("withdrawal", "")
    try:
        with runtime().db.transaction() as session:
            revision = withdraw(session, slug, sentence)
            _record(session, revision, AuditAction.ARTICLE_WITHDRAWN)
    except (InvalidError, ConflictError) as error:
        with runtime().db.reading() as session:
            story, errors = story_of_slug(session, slug), {"withdrawal": error}
            return make_response(editor_page(session, story, errors=errors, withdrawal=sentence), 422)
    return redirect(url_for("desk.story", slug=slug, done="withdrawn"), 303)


def _publish(save: Callable[[Session, StoryForm], ArticleDraft]) -> ResponseReturnValue:
    """Save first, so that no word is lost where publishing is refused; then publish what was saved."""
    form = read_story_form(request.form)
    try:
        with runtime().db.transaction() as session:
            saved = save(session, form)
            number, version = saved.id, saved.version
    except (DraftChangedError, DraftGoneError) as error:
        return refused_save(error, form)
    try:
        with runtime().db.transaction() as session:
            revision = publish_draft(session, number, editorial_context(), version=version, base=form.base)
            is_first = revision.number == 1
            _record(session, revision, AuditAction.ARTICLE_PUBLISHED if is_first else AuditAction.ARTICLE_CHANGED)
            path = url_for("desk.story", slug=revision.article.slug, done="published")
    except (DraftChangedError, DraftGoneError) as error:
        return refused_save(error, form)
    except DraftError as error:
        return _again(number, error.errors)
    except ConflictError as error:
        return _again(number, {"outdated": error})
    return redirect(path, 303)


def _again(number: int, errors: Mapping[str, NewsletterError]) -> ResponseReturnValue:
    with runtime().db.reading() as session:
        return make_response(editor_page(session, story_of_draft(session, number), errors=errors), 422)


def _record(session: Session, revision: Revision, action: AuditAction) -> None:
    details: dict[str, int | StrEnum] = {}
    if action == AuditAction.ARTICLE_CHANGED:
        details = {"revision": revision.number, "kind": revision.kind}
    on = AuditObject("article", revision.article_id)
    audit.record(session, action, by=signed_in().actor, on=on, **details)
