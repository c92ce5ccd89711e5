"""The list of stories: filters in the address, page by page, with the drafts that wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from flask import request, url_for
from sqlalchemy import ColumnElement

from newsletter.articles import desk_list, queries
from newsletter.articles.article_list import Cursor, parse_cursor
from newsletter.articles.desk_list import DeskFilter, DeskPage
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.core.search import SearchQuery
from newsletter.digests.article_uses import IS_USED, MOST_SHOWN, article_uses
from newsletter.digests.queries import newest_draft
from newsletter.staff import audit
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.articles.adding import WITHOUT_DRAFT
from newsletter.web.desk.blueprint import desk, render_desk, signed_in
from newsletter.web.request_values import parse_day, parse_number, parse_search

PAGE_SIZE = 25
DRAFTS_SHOWN = 5
"""Drafts above the stories; with the filter for drafts there are as many as stories on a page."""

USES = {"": gettext_noop("Used or not"), "no": gettext_noop("Not yet used"), "yes": gettext_noop("Used")}
STATES = {
    "": gettext_noop("All stories"),
    "draft": gettext_noop("Drafts"),
    "corrected": gettext_noop("Corrected"),
    "withdrawn": gettext_noop("Withdrawn"),
}
NOTICES = {
    "discarded": gettext_noop("The draft is discarded."),
    "added": gettext_noop("Added to the %(cadence)s draft. [Open it]."),
}


class ListForm(NamedTuple):
    """The filters as they stand in the address; what cannot be understood is left out."""

    q: str = ""
    section: str = ""
    trust: int = 0
    hype: str = ""
    since: date | None = None
    used: str = ""
    state: str = ""

    def parameters(self) -> dict[str, str]:
        """The parameters of an address with these filters."""
        given = {name: value for name, value in self._asdict().items() if value}
        return {name: str(value) for name, value in given.items()}

    def wanted(self, hype_labels: tuple[str, ...]) -> DeskFilter:
        """The stories that these filters ask for."""
        return DeskFilter(
            query=SearchQuery.parse(self.q),
            section=self.section or None,
            min_trust=self.trust,
            hype=hype_labels[: hype_labels.index(self.hype) + 1] if self.hype else (),
            since=self.since,
            is_corrected=self.state == "corrected",
            is_withdrawn=self.state == "withdrawn",
            is_drafted=self.state == "draft",
            use=self._use(),
        )

    def _use(self) -> ColumnElement[bool] | None:
        if not self.used:
            return None
        return IS_USED if self.used == "yes" else ~IS_USED


@desk.get("/articles")
@needs(Right.WRITE)
def articles() -> str:
    """The stories that fit the filters, the newest first."""
    settings = runtime().settings
    labels = tuple(settings.hype_labels)
    with runtime().db.reading() as session:
        sections = queries.sections(session)
        form = _form(sections, labels)
        wanted, before = (
            desk_list.with_hits(session, form.wanted(labels)),
            parse_cursor(request.args.get("before", "")),
        )
        page = desk_list.desk_page(session, PAGE_SIZE, wanted, before)
        is_whole = before is None and page.older is None
        numbers = [article.article_id for article in page.articles]
        open_draft = newest_draft(session) if signed_in().may(Right.PUBLISH) else None
        is_draft_list = form.state == "draft"
        drafts = []
        if before is None and (is_draft_list or wanted.is_everything):
            size = PAGE_SIZE if is_draft_list else DRAFTS_SHOWN
            drafts = desk_list.listed_drafts(session, size, words=form.q)
        return render_desk(
            "articles/list.html",
            form=form,
            page=page,
            drafts=drafts,
            uses=article_uses(session, numbers),
            most_uses=MOST_SHOWN,
            corrected=desk_list.corrected_since(session, numbers),
            count=len(page.articles) if is_whole else desk_list.count_desk(session, wanted),
            draft_count=desk_list.count_drafts(session),
            names=audit.names(session) if drafts else {},
            is_filtered=not wanted.is_everything,
            open_draft=open_draft,
            story_path=_story_path(),
            here=_path(form, before),
            older=_path(form, page.older) if page.older else "",
            wider=_wider(session, form, wanted, page),
            sections=sections,
            hype_labels=labels,
            used_words=USES,
            state_words=STATES,
            said=NOTICES.get(request.args.get("done", ""), ""),
            is_later=before is not None,
            to_cadence=(open_draft.cadence if open_draft else WITHOUT_DRAFT).value,
        )


def _wider(session: Any, form: ListForm, wanted: DeskFilter, page: DeskPage) -> list[tuple[str, int, str]]:
    """Searches that find something where this one found nothing: their words, their number of stories, their path."""
    if page.articles or wanted.is_everything:
        return []
    found = []
    for wider in desk_list.wider_filters(wanted):
        text = wider.query.text if wider.query else ""
        if count := desk_list.count_desk(session, wider):
            found.append((text, count, _path(ListForm(q=text))))
    return found


def _story_path() -> Callable[[str], str]:
    """The paths of stories by their slugs, whose characters need no quoting: `url_for` takes longer for each than all
    else in its row."""
    before, _, after = url_for("desk.story", slug="-").rpartition("-")
    return lambda slug: f"{before}{slug}{after}"


def _path(form: ListForm, before: Cursor | None = None) -> str:
    values: dict[str, Any] = {**form.parameters(), "before": before}
    return url_for("desk.articles", **values)


def _form(sections: list[str], labels: tuple[str, ...]) -> ListForm:
    args = request.args
    section, hype = args.get("section", ""), args.get("hype", "")
    used, state = args.get("used", ""), args.get("state", "")
    return ListForm(
        q=parse_search(args.get("q", "")),
        section=section if section in sections else "",
        trust=min(parse_number(args.get("trust", "")) or 0, 100),
        hype=hype if hype in labels else "",
        since=parse_day(args.get("since", "")),
        used=used if used in USES else "",
        state=state if state in STATES else "",
    )
