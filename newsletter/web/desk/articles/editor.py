"""The editor of a story: its page, and saving, by a form or by the script that saves while somebody writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.articles.drafts.content import DraftSource
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.saving import DraftChangedError, DraftGoneError, begin_draft, find_draft, save_draft
from newsletter.core import tokens
from newsletter.core.errors import NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import audit
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.conflict import chosen_content, refused_save
from newsletter.web.desk.articles.error_places import error_places
from newsletter.web.desk.articles.judgement import judged_values
from newsletter.web.desk.articles.presence import colleagues_at
from newsletter.web.desk.articles.story import (
    Story,
    may_write,
    require_writing,
    story_of_draft,
    story_of_slug,
)
from newsletter.web.desk.articles.story_form import StoryForm, read_story_form
from newsletter.web.desk.blueprint import desk, render_desk, signed_in
from newsletter.web.negotiation import wants_json

NOTICES = {
    "published": gettext_noop("Published. The draft is done with."),
    "withdrawn": gettext_noop("Withdrawn. Its page says so, and its words stay in the history."),
    "brought": gettext_noop("Brought in as a draft. Nothing is public yet."),
}
"""Notices of the page after something was done, by its parameter `done`."""


@desk.get("/articles/new")
@needs(Right.WRITE)
def new_story() -> str:
    """An empty form."""
    with runtime().db.reading() as session:
        return editor_page(session, Story())


@desk.get("/articles/drafts/<int:number>")
@needs(Right.WRITE)
def draft(number: int) -> str:
    """A draft."""
    with runtime().db.reading() as session:
        return editor_page(session, story_of_draft(session, number))


@desk.get("/articles/stories/<slug>")
@needs(Right.WRITE)
def story(slug: str) -> str:
    """A published story, with the draft that there may be of it."""
    with runtime().db.reading() as session:
        return editor_page(session, story_of_slug(session, slug))


@desk.post("/articles/new", endpoint="save_new_story")
@needs(Right.WRITE)
def save_new_story() -> ResponseReturnValue:
    """Begin the draft of a new story."""
    return _save(begin_from_form)


@desk.post("/articles/stories/<slug>", endpoint="save_story")
@needs(Right.WRITE)
def save_story(slug: str) -> ResponseReturnValue:
    """Begin the draft of a change, or save the one that there is."""
    return _save(lambda session, form: save_of_slug(session, form, slug))


@desk.post("/articles/drafts/<int:number>", endpoint="save_draft")
@needs(Right.WRITE)
def save_of_draft_page(number: int) -> ResponseReturnValue:
    """Save a draft."""
    return _save(lambda session, form: save_of_draft(session, form, number))


def save_of_slug(session: Session, form: StoryForm, slug: str) -> ArticleDraft:
    """Save what was entered about a published story."""
    story = story_of_slug(session, slug)
    if story.draft is not None and form.version:
        return save_of_draft(session, form, story.draft.id)
    require_writing(signed_in(), story.draft)
    return begin_from_form(session, form, slug)


def save_of_draft(session: Session, form: StoryForm, number: int) -> ArticleDraft:
    """Save what was entered, with the other's words where the editor chose them."""
    found = find_draft(session, number)
    require_writing(signed_in(), found)
    content = chosen_content(form.content, found.content) if found.version == form.version else form.content
    return save_draft(session, number, content, version=form.version, by=signed_in().member_id, key=form.key)


def begin_from_form(session: Session, form: StoryForm, slug: str | None = None) -> ArticleDraft:
    """Begin a draft, or find the one that this form began."""
    by = signed_in().member_id
    return begin_draft(session, form.content, by=by, key=form.key, slug=slug, base=form.base)


def editor_page(
    session: Session, story: Story, *, errors: Mapping[str, NewsletterError] | None = None, withdrawal: str = ""
) -> str:
    """The page. `errors` are by the names of fields; `withdrawal` is a sentence that was refused."""
    person = signed_in()
    content = story.content()
    values = judged_values(session, story, content)
    return render_desk(
        "articles/editor.html",
        story=story,
        content=content,
        no_source=DraftSource(),
        key=tokens.random_token(),
        errors=errors or {},
        withdrawal=withdrawal,
        error_places=error_places(errors or {}, values["part_names"]),
        said=NOTICES.get(request.args.get("done", ""), ""),
        sections=queries.sections(session),
        hype_labels=runtime().settings.hype_labels,
        others=colleagues_at(story, person),
        names=audit.names(session),
        may_write=may_write(person, story.draft),
        may_publish=person.may(Right.PUBLISH),
        is_outdated=story.draft is not None
        and story.current is not None
        and story.draft.base_number != story.current.number,
        **values,
    )


def _save(save: Callable[[Session, StoryForm], ArticleDraft]) -> ResponseReturnValue:
    form = read_story_form(request.form)
    try:
        with runtime().db.transaction() as session:
            number = save(session, form).id
    except (DraftChangedError, DraftGoneError) as error:
        return refused_save(error, form)
    with runtime().db.reading() as session:
        story = story_of_draft(session, number)
        if wants_json():
            return _saved(session, story)
        path = url_for("desk.draft", number=number, _anchor=form.anchor or None)
    return redirect(path, 303)


def _saved(session: Session, story: Story) -> dict[str, Any]:
    """The answer that the script goes on with: where the draft is, and the parts of the page that depend on it."""
    assert story.draft is not None
    values = judged_values(session, story, story.draft.content)
    return {
        "state": "saved",
        "version": story.draft.version,
        "saved_at": story.draft.saved_at.isoformat(),
        "path": story.path,
        "publish": story.action("publish"),
        "preview": story.action("preview"),
        "presence": story.presence_path,
        "trust": render_template("desk/articles/_trust.html", **values),
        "changed": render_template("desk/articles/_changed.html", story=story, **values),
    }
