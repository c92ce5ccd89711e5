"""The history of a story: every revision with what changed in it, and any two compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flask import abort, render_template, request
from sqlalchemy.orm import Session

from newsletter.articles.listed_revisions import ListedRevision
from newsletter.articles.models import Revision
from newsletter.articles.revision_diff import ArticlePart, RevisionChange, compare_revisions, unchanged_parts
from newsletter.articles.revision_history import Delay, History, delays, read_revisions
from newsletter.articles.rubrics import parts_of
from newsletter.articles.word_diff import WorkBudget
from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.told import ToldBy, told_by
from newsletter.web.language import keep_query, page_language
from newsletter.web.page_cache import cached_page_by
from newsletter.web.public.articles import history_or_404
from newsletter.web.public.blueprint import pages
from newsletter.web.request_values import parse_number

PAGE_SIZE = 20
"""Revisions of a page."""


class ShownChanges(NamedTuple):
    """The changes between two revisions, and the main parts that did not change."""

    changes: Sequence[RevisionChange]
    unchanged: Sequence[ArticlePart]
    part_names: Mapping[str, str]
    """The names of the parts of trust, by key."""


class HistoryRow(NamedTuple):
    """An entry of the history, with what changed since the one before; None for the first."""

    entry: ListedRevision
    delays: Sequence[Delay]
    changed: ShownChanges | None
    told: Sequence[ToldBy]
    """The digests that told readers of it."""
    told_later: int | None
    """The later correction that readers were told of instead, where nobody was told of this one."""


@pages.get(public_paths.history("<slug>"))
@cached_page_by("before", "from", "to")
def history(slug: str) -> str:
    """All revisions of a story, the newest first: those before `?before=`, or the newest. With `?from=` and `?to=` the
    two revisions of these numbers are compared.
    """
    if "from" in request.args or "to" in request.args:
        return _comparison(slug, _number("from"), _number("to"))
    before = _number("before") if "before" in request.args else None
    with runtime().db.reading() as session:
        found = history_or_404(session, slug)
        entries = [entry for entry in found.entries if before is None or entry.number < before]
        if not entries or (before or 0) > _newer_than(found.newest):
            abort(404)
        shown, following = entries[:PAGE_SIZE], entries[PAGE_SIZE : PAGE_SIZE + 1]
        revisions = read_revisions(session, [*shown, *following, found.newest])
        told = _told(session, found)
    keep_query(*([("before", str(before))] if before else []))
    budget = WorkBudget()
    return render_template(
        "revisions.html",
        history=found,
        newest=revisions[found.newest.number],
        entries=[_row(found, entry, revisions, budget, told) for entry in shown],
        older=shown[-1].number if following else None,
        newer=_newer(found, shown[0], before),
    )


def _comparison(slug: str, one: int, other: int) -> str:
    with runtime().db.reading() as session:
        found = history_or_404(session, slug)
        entries = [found.entry(number) or abort(404) for number in sorted((one, other))]
        revisions = read_revisions(session, [*entries, found.newest])
    keep_query(("from", str(one)), ("to", str(other)))
    old, new = (revisions[entry.number] for entry in entries)
    return render_template(
        "comparison.html",
        history=found,
        newest=revisions[found.newest.number],
        old=entries[0],
        new=entries[1],
        changed=_changed(old, new, WorkBudget()),
    )


def _number(name: str) -> int:
    """The number of a revision in the address; the page of a 404 for anything else, as for another spelling of it:
    each would be another page, and to compare revisions is the most that any page costs."""
    text = request.args.get(name, "")
    number = parse_number(text)
    return number if number is not None and str(number) == text else abort(404)


def _told(session: Session, found: History) -> Mapping[int, Sequence[ToldBy]]:
    """By the number of each correction, the digests by which somebody was told of it."""
    told = told_by(session, [entry.revision_id for entry in found.corrections])
    return {entry.number: [each for each in told[entry.revision_id] if each.readers] for entry in found.corrections}


def _row(
    found: History,
    entry: ListedRevision,
    revisions: Mapping[int, Revision],
    budget: WorkBudget,
    told: Mapping[int, Sequence[ToldBy]],
) -> HistoryRow:
    previous = revisions.get(entry.number - 1)
    changed = _changed(previous, revisions[entry.number], budget) if previous is not None else None
    later = min((number for number in told if number > entry.number and told[number]), default=None)
    is_untold = entry.is_correcting and not told[entry.number]
    return HistoryRow(
        entry, delays(entry, found.first), changed, told.get(entry.number, ()), later if is_untold else None
    )


def _changed(old: Revision, new: Revision, budget: WorkBudget) -> ShownChanges:
    changes = compare_revisions(old, new, budget)
    names = {
        part.key: part.in_language(page_language().code).name
        for revision in (old, new)
        if revision.rubric is not None
        for part in parts_of(revision.rubric)
    }
    return ShownChanges(changes, unchanged_parts(changes), names)


def _newer(found: History, first: ListedRevision, before: int | None) -> int | None:
    """Where the page with newer revisions begins; None on the newest."""
    return None if before is None or first == found.newest else _newer_than(first)


def _newer_than(entry: ListedRevision) -> int:
    """Where the page begins that ends before an entry. No link of ours leads further than that of the newest."""
    return entry.number + PAGE_SIZE + 1
