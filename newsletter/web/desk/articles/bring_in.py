"""Bringing in saved pages: paste or upload, look at what was read, then make drafts. Nothing is stored before that.

The page that shows what was read carries the texts along; the drafts are made from these, read once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from newsletter.articles.drafts.content import DraftContent, content_of_page
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.drafts.saving import DraftChangedError, begin_draft
from newsletter.articles.importing import article_of_page, with_known_addresses
from newsletter.articles.models import Source
from newsletter.articles.page import ParsedPage
from newsletter.articles.page_lines import LineUse
from newsletter.articles.page_reading import PageReading, read_page, split_pages
from newsletter.articles.queries import sections
from newsletter.articles.remarks import remarks
from newsletter.articles.revision_diff import compare_revisions
from newsletter.articles.rubrics import parts_of, rubric_in_force
from newsletter.core import tokens
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, AuditObject
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.preview import revision_of
from newsletter.web.desk.articles.story import Story, editorial_context, may_write, story_of_slug
from newsletter.web.desk.blueprint import desk, render_desk, signed_in

MOST_PAGES = 20
"""Pages at once; all texts together are a megabyte at most, as every form."""

USE_WORDS = {
    LineUse.LEFT_OUT: gettext_noop("left out"),
    LineUse.HEAD: gettext_noop("about the page"),
    LineUse.SECTION_AND_DATE: gettext_noop("section, date"),
    LineUse.HEADLINE: gettext_noop("headline"),
    LineUse.DEK: gettext_noop("dek"),
    LineUse.TRUST: gettext_noop("trust"),
    LineUse.TRUST_PART: gettext_noop("part of trust"),
    LineUse.HYPE: gettext_noop("hype"),
    LineUse.SOURCE_COUNT: gettext_noop("number of sources"),
    LineUse.POINT: gettext_noop("TL;DR"),
    LineUse.BODY: gettext_noop("story"),
    LineUse.HEADING: gettext_noop("heading"),
    LineUse.SOURCE: gettext_noop("source"),
}


class BroughtPage(NamedTuple):
    """A page that was read, and what would become of it."""

    name: str
    """Of the file; empty for what was pasted."""
    text: str
    """Empty where it is no text."""
    reading: PageReading
    remarks: Sequence[str] = ()
    story: Story | None = None
    """The story that the page is about, where it is known already."""
    places: int = 0
    """The number of places in which the page differs from the known story."""
    is_writable: bool = True
    """Whether a draft can be begun: not where there is one already."""

    @property
    def parsed(self) -> ParsedPage | None:
        return self.reading.page

    @property
    def makes_draft(self) -> bool:
        return self.parsed is not None and self.is_writable and (self.story is None or self.places > 0)


@desk.get("/articles/bring-in")
@needs(Right.WRITE)
def bring_in() -> str:
    """The form."""
    return _form()


@desk.post("/articles/bring-in", endpoint="read_pages")
@needs(Right.WRITE)
def read_pages() -> ResponseReturnValue:
    """Read what was pasted or uploaded, and show it."""
    texts = list(_given())
    if not texts or len(texts) > MOST_PAGES:
        return make_response(_form(is_empty=not texts), 422)
    return _shown(texts)


@desk.post("/articles/bring-in/drafts")
@needs(Right.WRITE)
def bring_in_drafts() -> ResponseReturnValue:
    """Make drafts of the pages that were chosen."""
    texts = [
        (name, text) for name, text in zip(request.form.getlist("name"), request.form.getlist("text"), strict=False)
    ]
    made: list[int] = []
    try:
        with runtime().db.transaction() as session:
            for number, (name, text) in enumerate(texts[:MOST_PAGES]):
                brought = _brought(session, name, text)
                if brought.makes_draft and f"take-{number}" in request.form:
                    made.append(_begin(session, brought, number).id)
    except DraftChangedError:
        return _shown(texts)
    if not made:
        return _shown(texts) if texts else make_response(_form(is_empty=True), 422)
    if len(made) == 1:
        return redirect(url_for("desk.draft", number=made[0], done="brought"), 303)
    return redirect(url_for("desk.articles", state="draft"), 303)


def _given() -> Iterator[tuple[str, str | bytes]]:
    """The names and contents of what was sent."""
    for text in split_pages(request.form.get("pasted", "")):
        yield "", text
    for file in request.files.getlist("files"):
        if file.filename:
            yield file.filename, file.read()


def _form(*, is_empty: bool | None = None) -> str:
    pasted = request.form.get("pasted", "")
    return render_desk("articles/bring_in.html", is_empty=is_empty, most=MOST_PAGES, pasted=pasted)


def _shown(texts: Sequence[tuple[str, str | bytes]]) -> str:
    with runtime().db.reading() as session:
        brought = [_brought(session, name, text) for name, text in texts]
        return render_desk(
            "articles/bring_in_read.html",
            brought=brought,
            use_words=USE_WORDS,
            uses=LineUse,
            key=tokens.random_token(),
        )


def _brought(session: Session, name: str, text: str | bytes) -> BroughtPage:
    context = editorial_context()
    parts = parts_of(rubric_in_force(session, context.today))
    reading = read_page(text, context.hype_labels, parts)
    readable = text if isinstance(text, str) else text.decode("utf-8", "replace")
    brought = BroughtPage(name, readable if reading.lines else "", reading)
    if reading.page is None:
        return brought
    brought = brought._replace(remarks=remarks(reading.page, sections(session)))
    slug = article_of_page(session, reading.page)
    if slug is None:
        return brought
    story = story_of_slug(session, slug)
    assert story.current is not None
    revision = revision_of(session, story, _content(session, brought._replace(story=story))).revision
    places = len(compare_revisions(story.current, revision))
    return brought._replace(
        story=story, places=places, is_writable=story.draft is None and may_write(signed_in(), story.draft)
    )


def _content(session: Session, brought: BroughtPage) -> DraftContent:
    assert brought.parsed is not None
    page = brought.parsed
    if brought.story is not None and brought.story.slug is not None:
        sources = with_known_addresses(session, brought.story.slug, page.content()["sources_json"])
        page = replace(page, sources=tuple(Source(**source) for source in sources))
    return content_of_page(page)


def _begin(session: Session, brought: BroughtPage, number: int) -> ArticleDraft:
    """Begin the draft of a page, with the addresses that were added to its sources."""
    content = _content(session, brought)
    sources = tuple(
        replace(source, url=source.url or request.form.get(f"address-{number}-{at}", "").strip())
        for at, source in enumerate(content.sources, 1)
    )
    draft = begin_draft(
        session,
        replace(content, sources=sources),
        by=signed_in().member_id,
        key=f"{request.form.get('key', '')[:40]}-{number}",
        slug=brought.story.slug if brought.story is not None else None,
        is_page=True,
    )
    on = AuditObject("draft", draft.id)
    audit.record(session, AuditAction.PAGE_BROUGHT_IN, by=signed_in().actor, on=on)
    return draft
