"""The editor of a story: its page, and saving, by a form or by the script that saves while somebody writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from flask import Response, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles import queries
from newsletter.articles.drafts.checking import ContentCheck
from newsletter.articles.drafts.content import DraftContent
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.publishing import rubric_of
from newsletter.articles.drafts.saving import DraftChangedError, begin_draft, find_draft, save_draft
from newsletter.articles.revision_diff import RevisionChange, TextChange, compare_revisions
from newsletter.articles.rubrics import parts_of
from newsletter.core import tokens
from newsletter.core.errors import NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import audit
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.presence import other_pages
from newsletter.web.desk.articles.preview import revision_of
from newsletter.web.desk.articles.reader_limits import readers_missed_by
from newsletter.web.desk.articles.story import (
    Story,
    editorial_context,
    may_write,
    require_writing,
    story_of_draft,
    story_of_slug,
)
from newsletter.web.desk.articles.story_form import PART, StoryForm, pairs_of, read_story_form
from newsletter.web.desk.blueprint import desk, render_desk, signed_in

SAID = {
    "published": gettext_noop("Published. The draft is done with."),
    "withdrawn": gettext_noop("Withdrawn. Its page says so, and its words stay in the history."),
    "brought": gettext_noop("Brought in as a draft. Nothing is public yet."),
}
"""Notices of the page after something was done, by its parameter `done`."""

SHORT_CHANGES = 800
"""Characters of changes that are shown at once; more are folded."""
THEIRS = "theirs"
CHOICE = "choose-"
"""The beginning of the names of choices between two texts."""


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
    return _save(lambda session, form: _begin(session, form, None))


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
    return _begin(session, form, slug)


def save_of_draft(session: Session, form: StoryForm, number: int) -> ArticleDraft:
    """Save what was entered, with the other's words where the editor chose them."""
    found = find_draft(session, number)
    require_writing(signed_in(), found)
    content = _chosen(form.content, found.content) if found.version == form.version else form.content
    return save_draft(session, number, content, version=form.version, by=signed_in().member_id, key=form.key)


def begin(session: Session, form: StoryForm, slug: str | None = None) -> ArticleDraft:
    """Begin a draft, or find the one that this form began."""
    return _begin(session, form, slug)


def editor_page(
    session: Session,
    story: Story,
    *,
    errors: Mapping[str, NewsletterError] | None = None,
    entered: DraftContent | None = None,
) -> str:
    """The page. `errors` are by the names of fields; `entered` is what they are about, if it is not stored."""
    person = signed_in()
    content = entered or story.content()
    values = _judged(session, story, content)
    key = tokens.random_token()
    return render_desk(
        "articles/editor.html",
        story=story,
        content=content,
        key=key,
        errors=errors or {},
        said=SAID.get(request.args.get("done", ""), ""),
        sections=queries.sections(session),
        hype_labels=runtime().settings.hype_labels,
        others=other_pages(story, person, key),
        names=audit.names(session),
        may_write=may_write(person, story.draft),
        may_publish=person.may(Right.PUBLISH),
        is_outdated=story.draft is not None
        and story.current is not None
        and story.draft.base_number != story.current.number,
        **values,
    )


def changed_elsewhere(story: Story, form: StoryForm) -> Response:
    """409: both texts side by side, and a choice for each field that differs. Nothing was overwritten."""
    assert story.draft is not None
    if _wants_json():
        answer = jsonify(state="changed", version=story.draft.version, by=_by(story.draft))
        answer.status_code = 409
        return answer
    theirs = story.draft.content
    differing = [
        (each.name, _shown(getattr(form.content.tidy(), each.name)), _shown(getattr(theirs, each.name)))
        for each in fields(DraftContent)
        if getattr(form.content.tidy(), each.name) != getattr(theirs, each.name)
    ]
    page = render_desk(
        "articles/conflict.html",
        story=story,
        differing=differing,
        pairs=pairs_of(form.content),
        base=form.base,
        key=form.key,
        by=_by(story.draft),
        choice=CHOICE,
        field_names=FIELD_NAMES,
    )
    return make_response(page, 409)


def refused(error: DraftChangedError, form: StoryForm) -> Response:
    """The answer to a save that was refused."""
    with runtime().db.reading() as session:
        return changed_elsewhere(story_of_draft(session, error.number), form)


FIELD_NAMES = {
    "title": gettext_noop("Headline"),
    "dek": gettext_noop("Dek"),
    "section": gettext_noop("Section"),
    "date": gettext_noop("Date"),
    "hype": gettext_noop("Hype"),
    "language": gettext_noop("Language"),
    "markup": gettext_noop("Written as"),
    "written_by": gettext_noop("Written by"),
    "checked_by": gettext_noop("Checked by"),
    "ai_use": gettext_noop("AI used for"),
    "trust": gettext_noop("Score without parts"),
    "parts": gettext_noop("Points of trust"),
    "source_count": gettext_noop("Number of sources"),
    "points": gettext_noop("TL;DR"),
    "body": gettext_noop("Story"),
    "sources": gettext_noop("Sources"),
    "kind": gettext_noop("Kind of change"),
    "note": gettext_noop("Sentence for readers"),
    "serious": gettext_noop("Serious"),
    "reported_at": gettext_noop("Reported"),
}


def _save(save: Callable[[Session, StoryForm], ArticleDraft]) -> ResponseReturnValue:
    form = read_story_form(request.form)
    try:
        with runtime().db.transaction() as session:
            number = save(session, form).id
    except DraftChangedError as error:
        return refused(error, form)
    with runtime().db.reading() as session:
        story = story_of_draft(session, number)
        if _wants_json():
            return _saved(session, story)
        path = url_for("desk.draft", number=number, _anchor=form.anchor or None)
    return redirect(path, 303)


def _saved(session: Session, story: Story) -> dict[str, Any]:
    """The answer that the script goes on with: where the draft is, and the parts of the page that depend on it."""
    assert story.draft is not None
    values = _judged(session, story, story.draft.content)
    return {
        "state": "saved",
        "version": story.draft.version,
        "saved_at": story.draft.saved_at.isoformat(),
        "path": story.path,
        "publish": story.action("publish"),
        "preview": story.action("preview"),
        "presence": story.action("presence"),
        "trust": render_template("desk/articles/_trust.html", **values),
        "changed": render_template("desk/articles/_changed.html", story=story, **values),
    }


def _begin(session: Session, form: StoryForm, slug: str | None) -> ArticleDraft:
    return begin_draft(session, form.content, by=signed_in().member_id, key=form.key, slug=slug)


def _judged(session: Session, story: Story, content: DraftContent) -> dict[str, Any]:
    """The judgements that the page shows of the content: the sum of trust, the readers it misses, what changed."""
    context = editorial_context()
    rubric = rubric_of(session, story.current, context.today)
    parts = parts_of(rubric)
    check = ContentCheck(content, parts, context.hype_labels, context.today)
    is_scored = not any(name == "trust" or name.startswith(PART) for name in check.errors)
    changes = _changes(session, story, content)
    return {
        "rubric_parts": parts,
        "score": check.values["trust"] if is_scored else None,
        "missed": readers_missed_by(session, check.values["trust"]) if is_scored else None,
        "changes": changes,
        "is_short": sum(_length(change) for change in changes or ()) < SHORT_CHANGES,
        "part_names": {part.key: part.in_language("en").name for part in parts},
    }


def _changes(session: Session, story: Story, content: DraftContent) -> list[RevisionChange] | None:
    """The changes to the published revision; None for a new story."""
    if story.current is None:
        return None
    revision, _ = revision_of(session, story, content)
    return compare_revisions(story.current, revision)


def _length(change: RevisionChange) -> int:
    return sum(len(piece.text) for piece in change.pieces) if isinstance(change, TextChange) else 0


def _chosen(mine: DraftContent, theirs: DraftContent) -> DraftContent:
    """My content, with theirs in the fields that were chosen so."""
    names = {each.name for each in fields(DraftContent)}
    chosen = {name: getattr(theirs, name) for name in names if request.form.get(f"{CHOICE}{name}") == THEIRS}
    return replace(mine, **chosen)


def _shown(value: Any) -> str:
    """A field as text, to be compared by eye."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {points}" for name, points in value.items())
    if isinstance(value, tuple):
        return "\n".join(
            each if isinstance(each, str) else f"{each.publisher}: {each.title} <{each.url}>" for each in value
        )
    return str(value)


def _by(draft: ArticleDraft) -> dict[str, str]:
    """The person who saved the draft last, and the time."""
    with runtime().db.reading() as session:
        name = audit.names(session).get(draft.saved_by, "")
    local = draft.saved_at.astimezone(runtime().settings.timezone)
    return {"name": "" if draft.saved_by == signed_in().member_id else name, "time": f"{local:%H:%M}"}


def _wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"
