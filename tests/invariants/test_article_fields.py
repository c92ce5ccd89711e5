"""Each field that editors write goes every way of a story: pages, drafts, history, and JSON for programs.

A field that one of them forgets would be lost by the next change at the desk, or change without a trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from newsletter.articles.drafts.checking import ContentCheck
from newsletter.articles.drafts.content import content_of_revision
from newsletter.articles.models import CONTENT, Article, Markup, PublishedBasis, Revision, RevisionKind
from newsletter.articles.page import parse_page
from newsletter.articles.revision_diff import compare_revisions
from newsletter.articles.rubric_parts import shipped_rubric
from newsletter.core.config import HYPE_LABELS
from newsletter.serializers.articles import revision_json
from tests.services.source import CHECKOUT

DAY = date(2026, 5, 2)
PAGE = CHECKOUT / "newsletter" / "embedded" / "samples" / "02-long-context-gains.txt"
PARSED = parse_page(PAGE.read_text(), HYPE_LABELS).content()
RULED = {"language": "de", "hype": HYPE_LABELS[0], "markup": Markup.MARKDOWN, "date": DAY}
"""Texts that have to be one of some."""
FILLED = {name: f"The {name}" if isinstance(value, str) else value for name, value in PARSED.items()} | RULED
"""A value for each field, and no default."""


def revision_of(content: Mapping[str, Any]) -> Revision:
    return Revision(
        **content,
        article=Article(slug="a-story"),
        number=1,
        kind=RevisionKind.FIRST,
        serious=False,
        published_at=datetime(2026, 5, 2, tzinfo=UTC),
        published_at_basis=PublishedBasis.GIVEN,
        created_at=datetime(2026, 5, 2, tzinfo=UTC),
    )


def another(value: Any) -> Any:
    """A value of the same kind that is not the same."""
    match value:
        case Markup():
            return Markup.TEXT
        case str():
            return f"{value} more"
        case int():
            return value - 1
        case date():
            return value - timedelta(days=1)
        case _:
            return value[:-1]


def test_a_page_gives_each_field() -> None:
    assert set(PARSED) == set(CONTENT)


def test_a_draft_of_a_story_loses_no_field() -> None:
    draft = content_of_revision(revision_of(FILLED)).tidy()
    check = ContentCheck(draft, shipped_rubric()[1], HYPE_LABELS, DAY)
    assert not check.errors
    assert check.values == FILLED


@pytest.mark.parametrize("name", CONTENT)
def test_a_change_of_a_field_stands_in_the_history_and_in_json(name: str) -> None:
    before, after = revision_of(FILLED), revision_of({**FILLED, name: another(FILLED[name])})
    assert compare_revisions(before, after)
    assert revision_json(before) != revision_json(after)
