"""What changed between two revisions, part by part."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles.models import CONTENT, Markup, PublishedBasis, Revision, RevisionKind
from newsletter.articles.revision_diff import ArticlePart, TextChange, ValueChange, compare_revisions, unchanged_parts
from newsletter.articles.word_diff import WorkBudget, new_side, normal, old_side

SOURCE = {"publisher": "The Verge", "title": "Told", "url": "https://a.example/x", "raw": "1. The Verge Told"}
STANDING: dict[str, Any] = {
    "language": "en",
    "section": "Business",
    "date": date(2026, 4, 24),
    "title": "Insurer rehires claims staff",
    "dek": "By March, 36 of 64 were back.",
    "written_by": "",
    "checked_by": "",
    "ai_use": "",
    "trust": 54,
    "trust_parts": [{"key": "sources", "points": 14}, {"key": "documents", "points": 40}],
    "hype": "Some hype",
    "source_count": 2,
    "sources_json": [SOURCE],
    "markup": Markup.TEXT,
    "bullets": ["It has rehired 36.", "The agent stays."],
    "body": "One.\n\nTwo words here.\n\nOf the 64 former employees, 36 have been offered their jobs.",
}


def revision(**content: Any) -> Revision:
    return Revision(
        number=1,
        kind=RevisionKind.FIRST,
        published_at=datetime(2026, 4, 24, tzinfo=UTC),
        published_at_basis=PublishedBasis.PAGE_DATE,
        **STANDING | content,
    )


def body(*paragraphs: str) -> Revision:
    return revision(body="\n\n".join(paragraphs))


def test_nothing_changed() -> None:
    assert compare_revisions(revision(), revision()) == []
    assert len(unchanged_parts([])) == 7


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("section", "Policy"),
        ("date", date(2026, 4, 25)),
        ("language", "de"),
        ("trust", 58),
        ("hype", "High hype"),
        ("source_count", 3),
        ("markup", Markup.MARKDOWN),
    ],
)
def test_a_value_is_told_as_it_was_and_as_it_is(name: str, new: Any) -> None:
    assert compare_revisions(revision(), revision(**{name: new})) == [
        ValueChange(ArticlePart(name), STANDING[name], new)
    ]


@pytest.mark.parametrize("name", ["title", "dek", "written_by", "checked_by", "ai_use"])
def test_a_text_is_told_word_by_word(name: str) -> None:
    (change,) = compare_revisions(revision(), revision(**{name: f"{STANDING[name]} And more."}))
    assert isinstance(change, TextChange)
    assert change.part == name
    assert old_side(change.pieces) == STANDING[name]
    assert new_side(change.pieces).endswith("And more.")


def test_every_field_that_editors_write_is_compared() -> None:
    """A field that is added to CONTENT has to be told, too."""
    others: dict[str, Any] = {
        "sources_json": [],
        "bullets": [],
        "body": "",
        "trust_parts": None,
        "date": date(2026, 1, 1),
        "trust": 0,
    }
    for name in CONTENT:
        new = others.get(name, Markup.MARKDOWN if name == "markup" else 9 if name == "source_count" else "other")
        assert compare_revisions(revision(), revision(**{name: new})), name


def test_parts_of_trust_are_told_by_their_keys() -> None:
    new = [{"key": "sources", "points": 18}, {"key": "checks", "points": 40}]
    changes = compare_revisions(revision(), revision(trust_parts=new, trust=58))
    assert changes == [
        ValueChange(ArticlePart.TRUST, 54, 58),
        ValueChange(ArticlePart.TRUST_PART, 14, 18, "sources"),
        ValueChange(ArticlePart.TRUST_PART, None, 40, "checks"),
        ValueChange(ArticlePart.TRUST_PART, 40, None, "documents"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (("One.", "Two."), ("One.", "Two, too."), [(2, 2, False)]),
        (("One.", "Two.", "Three."), ("One.", "Three."), [(2, 2, True)]),
        (("One.", "Three."), ("One.", "Two.", "Three."), [(2, 2, False)]),
        (("A.", "B.", "C.", "D."), ("A!", "B.", "C.", "D!"), [(1, 1, False), (4, 4, False)]),
        (("One is long.", "End."), ("One", "is long.", "End."), [(1, 2, False)]),
    ],
)
def test_paragraphs_are_matched_first(
    old: tuple[str, ...], new: tuple[str, ...], expected: list[tuple[int, int, bool]]
) -> None:
    changes = [change for change in compare_revisions(body(*old), body(*new)) if isinstance(change, TextChange)]
    assert [(change.first, change.last, change.is_gone) for change in changes] == expected
    assert {change.part for change in changes} == {ArticlePart.BODY}


def test_points_and_sources_are_told_one_by_one() -> None:
    later = revision(
        bullets=["It has offered 38 their jobs back.", "The agent stays."],
        sources_json=[SOURCE | {"url": "https://a.example/y"}],
    )
    points, sources = compare_revisions(revision(), later)
    assert (points.part, sources.part) == (ArticlePart.POINTS, ArticlePart.SOURCES)
    assert isinstance(sources, TextChange)
    assert new_side(sources.pieces) == "The Verge Told <https://a.example/y>"
    assert unchanged_parts([points, sources]) == [
        ArticlePart.TITLE,
        ArticlePart.DEK,
        ArticlePart.BODY,
        ArticlePart.TRUST,
        ArticlePart.HYPE,
    ]


def test_blanks_alone_are_no_change_in_sight() -> None:
    (change,) = compare_revisions(revision(), revision(dek=STANDING["dek"].replace(" ", "  ")))
    assert isinstance(change, TextChange)
    assert not change.is_in_sight


PARAGRAPHS = st.lists(st.lists(st.sampled_from(["one", "two", "three", "four."]), min_size=1).map(" ".join), max_size=6)


@given(PARAGRAPHS, PARAGRAPHS)
def test_both_bodies_come_back(old: list[str], new: list[str]) -> None:
    """The changes, put in the place of what they replace."""
    changes = [change for change in compare_revisions(body(*old), body(*new)) if isinstance(change, TextChange)]
    kept = "\n\n".join(new)
    assert all(new_side(change.pieces) in normal(kept) for change in changes)
    put_back = list(new)
    for change in reversed(changes):
        before = old_side(change.pieces)
        start = change.first - 1
        if change.is_gone:
            continue
        put_back[start : change.last] = [before] if before else []
    gone = [old_side(change.pieces) for change in changes if change.is_gone]
    assert sorted("\n\n".join([*put_back, *gone]).split()) == sorted("\n\n".join(old).split())


def test_one_budget_counts_for_all_parts() -> None:
    many = [f"x {number}" for number in range(3000)]
    budget = WorkBudget(1000)
    changes = compare_revisions(body(*many), body(*reversed(many)), budget)
    assert len(changes) == 1
