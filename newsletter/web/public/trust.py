"""The page about trust: the published rubric, its changes, and stories side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flask import abort, render_template, request

from newsletter.articles import trust_examples
from newsletter.articles.models import Revision, Rubric
from newsletter.articles.rubrics import parts_of, rubric_in_force, rubrics
from newsletter.core import clock, public_paths
from newsletter.core.runtime import runtime
from newsletter.web.language import keep_query, page_language
from newsletter.web.page_cache import cached_page_by
from newsletter.web.public.blueprint import pages


class RubricRow(NamedTuple):
    """A part of the rubric as the page shows it, with the points of each example; None where it has none."""

    name: str
    most: int
    question: str
    earns: str
    points: Sequence[int | None]


@pages.get(public_paths.TRUST)
@cached_page_by("rubric")
def trust() -> str:
    """The rubric in force; with `?rubric=` its number another one, under which older scores were given."""
    settings = runtime().settings
    today = clock.today(settings.timezone)
    with runtime().db.reading() as session:
        stored = rubrics(session)
        in_force = rubric_in_force(session, today)
        shown = _requested(stored) or in_force
        examples = trust_examples.examples(session, shown.id) if shown.id else []
        grades = trust_examples.count_grades(session)
    if shown is not in_force:
        keep_query(("rubric", str(shown.id)))
    return render_template(
        "trust.html",
        number=shown.id or 1,
        rubric=shown,
        is_in_force=shown.effective_from == in_force.effective_from,
        is_future=shown.effective_from > today,
        others=[each for each in reversed(stored) if each.id != shown.id],
        rows=_rows(shown, examples),
        examples=examples,
        grades=grades,
        min_trust=settings.min_trust,
    )


def _requested(stored: Sequence[Rubric]) -> Rubric | None:
    """The rubric that the address names; the page of a 404 for a number that none has."""
    if "rubric" not in request.args:
        return None
    return next((each for each in stored if str(each.id) == request.args["rubric"]), None) or abort(404)


def _rows(rubric: Rubric, examples: Sequence[Revision]) -> list[RubricRow]:
    points = [{part["key"]: part["points"] for part in each.trust_parts or ()} for each in examples]
    rows = []
    for part in parts_of(rubric):
        words = part.in_language(page_language().code)
        given = [of_story.get(part.key) for of_story in points]
        rows.append(RubricRow(words.name, part.most, words.question, words.earns, given))
    return rows
