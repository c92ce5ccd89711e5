"""The public page of a draft, for the frame beside the editor: the real template, at an address of its own.

The frame is sandboxed: no script, no form, an origin of its own. So a draft cannot reach the desk, whatever it holds.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import Response, make_response, render_template, request
from markupsafe import Markup
from sqlalchemy.orm import Session

from newsletter.articles import slugs
from newsletter.articles.drafts.checking import ContentCheck, change_of
from newsletter.articles.drafts.content import DraftContent
from newsletter.articles.drafts.publishing import rubric_of
from newsletter.articles.listed_revisions import ListedRevision
from newsletter.articles.models import PublishedBasis, Revision, RevisionKind
from newsletter.articles.revision_history import History, read_history
from newsletter.articles.rubrics import parts_of
from newsletter.core import clock, markdown
from newsletter.core.runtime import runtime
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.story import Story, editorial_context, story_of_draft, story_of_slug
from newsletter.web.desk.blueprint import desk
from newsletter.web.public.articles import story_values
from newsletter.web.request_values import parse_number
from newsletter.web.security_headers import FRAMED_BY_US

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    f"{FRAMED_BY_US}; sandbox"
)


HERE = Markup('<span id="here"></span>')
_BLOCK = re.compile(r"^<(?:p|h[2-6]|ul|ol|blockquote|pre|table|hr)\b", re.MULTILINE)


class ShownRevision(NamedTuple):
    """A revision that is stored nowhere, and the history with it."""

    revision: Revision
    history: History
    unjudged: frozenset[str]
    """Of its trust and hype those that nobody has given."""


@desk.get("/articles/drafts/<int:number>/preview")
@needs(Right.WRITE, is_activity=False)
def draft_preview(number: int) -> Response:
    """A draft as it was saved last."""
    with runtime().db.reading() as session:
        story = story_of_draft(session, number)
        return _framed(session, story)


@desk.get("/articles/stories/<slug>/preview")
@needs(Right.WRITE, is_activity=False)
def story_preview(slug: str) -> Response:
    """A published story, with the draft that there may be of it."""
    with runtime().db.reading() as session:
        return _framed(session, story_of_slug(session, slug))


def preview_page(session: Session, story: Story, content: DraftContent, block: int | None = None) -> str:
    """The public page that a story would have with this content; `block` is where somebody is writing."""
    shown = revision_of(session, story, content)
    values = story_values(session, shown.history, shown.history.newest, shown.revision)
    if block:
        values["body"] = _with_place(values["body"], block)
    return render_template("desk/articles/preview.html", **values, unjudged=shown.unjudged)


def _with_place(body: Markup, number: int) -> Markup:
    """A body with an anchor above its block of this number, from 1. The frame opens there: it cannot tell the desk how
    far it was scrolled."""
    starts = [found.start() for found in _BLOCK.finditer(body)] or [0]
    at = starts[min(number, len(starts)) - 1]
    return body[:at] + HERE + body[at:]


def revision_of(session: Session, story: Story, content: DraftContent) -> ShownRevision:
    """The revision that this content would be."""
    context, current = editorial_context(), story.current
    rubric = rubric_of(session, current, context.today)
    check = ContentCheck(content, parts_of(rubric), context.hype_labels, context.today)
    values = check.values | {"body": check.values["body"][: markdown.LONGEST]}
    values["title"], values["section"] = values["title"] or "…", values["section"] or "…"
    change = change_of(content, context.zone, {})
    entry = ListedRevision(
        revision_id=0,
        article_id=current.article_id if current is not None else 0,
        slug=story.slug or slugs.slug_of(values["title"], values["date"]),
        url=current.url if current is not None else None,
        number=current.number + 1 if current is not None else 1,
        kind=change.kind if current is not None else RevisionKind.FIRST,
        note=change.note,
        serious=change.serious,
        reported_at=change.reported_at,
        published_at=clock.now(),
        published_at_basis=PublishedBasis.GIVEN,
        **{
            name: values[name]
            for name in ("language", "section", "title", "trust", "written_by", "checked_by", "ai_use")
        },
    )
    revision = Revision(number=entry.number, kind=entry.kind, **values)
    if values["trust_parts"]:
        revision.rubric = rubric
    earlier = read_history(session, story.slug).entries if story.slug is not None else []
    return ShownRevision(revision, History([entry, *earlier]), check.unjudged)


def _framed(session: Session, story: Story) -> Response:
    block = parse_number(request.args.get("block", ""))
    response = make_response(preview_page(session, story, story.content(), block))
    response.headers["Content-Security-Policy"] = POLICY
    return response
