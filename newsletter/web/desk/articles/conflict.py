"""Two saves of one draft that do not fit: both texts side by side, and a choice between them.

The page posts the editor's own text again, with a choice for each field that differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from flask import Response, jsonify, make_response, request

from newsletter.articles.drafts.content import DraftContent
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.saving import DraftChangedError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import audit
from newsletter.web.desk.articles.story import Story, story_of_draft
from newsletter.web.desk.articles.story_form import StoryForm, pairs_of
from newsletter.web.desk.blueprint import render_desk, signed_in
from newsletter.web.negotiation import wants_json

THEIRS = "theirs"
CHOICE = "choose-"
"""The beginning of the names of choices between two texts."""

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


def changed_elsewhere(story: Story, form: StoryForm) -> Response:
    """409: both texts side by side, and a choice for each field that differs. Nothing was overwritten."""
    assert story.draft is not None
    if wants_json():
        answer = jsonify(state="changed", version=story.draft.version, by=_last_save(story.draft))
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
        by=_last_save(story.draft),
        choice=CHOICE,
        field_names=FIELD_NAMES,
    )
    return make_response(page, 409)


def refused_save(error: DraftChangedError, form: StoryForm) -> Response:
    """The answer to a save that was refused."""
    with runtime().db.reading() as session:
        return changed_elsewhere(story_of_draft(session, error.number), form)


def chosen_content(mine: DraftContent, theirs: DraftContent) -> DraftContent:
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


def _last_save(draft: ArticleDraft) -> dict[str, str]:
    """The person who saved the draft last, and the time."""
    with runtime().db.reading() as session:
        name = audit.names(session).get(draft.saved_by, "")
    local = draft.saved_at.astimezone(runtime().settings.timezone)
    return {"name": "" if draft.saved_by == signed_in().member_id else name, "time": f"{local:%H:%M}"}
