"""Answers to a save that was refused: both texts side by side where the draft was saved elsewhere, and a way to keep
the words where it is gone.

The page posts the editor's own text again, with a choice for each field that differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from flask import Response, jsonify, make_response, request, url_for

from newsletter.articles.drafts.content import DraftContent
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.saving import DraftChangedError, DraftGoneError
from newsletter.core.runtime import runtime
from newsletter.staff import audit
from newsletter.web.desk.articles.error_places import FIELD_NAMES
from newsletter.web.desk.articles.story import Story, story_of_draft
from newsletter.web.desk.articles.story_form import StoryForm, pairs_of
from newsletter.web.desk.blueprint import render_desk, signed_in
from newsletter.web.negotiation import wants_json

THEIRS = "theirs"
CHOICE = "choose-"
"""The beginning of the names of choices between two texts."""


def refused_save(error: DraftChangedError | DraftGoneError, form: StoryForm) -> Response:
    """The answer to a save that was refused."""
    if isinstance(error, DraftGoneError):
        return _gone(form)
    with runtime().db.reading() as session:
        return _changed_elsewhere(story_of_draft(session, error.number), form)


def _changed_elsewhere(story: Story, form: StoryForm) -> Response:
    """409: both texts side by side, and a choice for each field that differs. Nothing was overwritten."""
    assert story.draft is not None
    if wants_json():
        return make_response(jsonify(state="changed", version=story.draft.version, by=_last_save(story.draft)), 409)
    mine, theirs = form.content.tidy(), story.draft.content
    differing = [
        (each.name, _shown(getattr(mine, each.name)), _shown(getattr(theirs, each.name)))
        for each in fields(DraftContent)
        if getattr(mine, each.name) != getattr(theirs, each.name)
    ]
    page = render_desk(
        "articles/conflict.html",
        story=story,
        form=form,
        differing=differing,
        pairs=pairs_of(form.content),
        by=_last_save(story.draft),
        choice=CHOICE,
        field_names=FIELD_NAMES,
    )
    return make_response(page, 409)


def _gone(form: StoryForm) -> Response:
    """410: the draft was published or discarded. A press makes what was entered a new one, of the same story."""
    keep = url_for("desk.story", slug=form.slug) if form.slug else url_for("desk.new_story")
    if wants_json():
        return make_response(jsonify(state="gone", keep=keep), 410)
    page = render_desk("articles/gone.html", form=form, pairs=pairs_of(form.content), keep=keep)
    return make_response(page, 410)


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
