"""Corrections in a rendered digest: blocks of their own, that take no place and no word from the articles."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.models import Revision, RevisionKind
from newsletter.core.cadence import Cadence
from newsletter.digests.rendering import RenderedDigest, render_digest
from newsletter.digests.segments import FULL_ARTICLES
from tests.services.rendered_digests import DAY, HOSTILE, SETTINGS, Content, revision, revisions

ARTICLES = revisions(FULL_ARTICLES + 3)
HEAD = "Corrected since we wrote to you"


def correction(number: int, note: str, kind: RevisionKind = RevisionKind.CORRECTION) -> Revision:
    return revision(f"wrong-{number}", title=f"Wrong number {number}", number=2, kind=kind, note=note, serious=True)


CORRECTIONS = [
    *(correction(number, f"Note {number}.") for number in range(3)),
    correction(3, "It is withdrawn.", RevisionKind.WITHDRAWAL),
    *(correction(number, text) for number, text in enumerate(HOSTILE[:6], 4)),
]
RENDERED = render_digest(Content(revisions=ARTICLES), SETTINGS, corrections=CORRECTIONS, day=DAY)
WITHOUT = render_digest(Content(revisions=ARTICLES), SETTINGS, day=DAY)
COUNT = len(ARTICLES)
STORIES = st.integers(1, WITHOUT.full_mask)
TOLD = st.integers(1, (1 << len(CORRECTIONS)) - 1)


def same(found: tuple[str, str], rendered: RenderedDigest, expected: tuple[str, str]) -> bool:
    """Whether two editions are the same but for the places of tokens."""
    return found == tuple(part.replace(rendered.placeholder, RENDERED.placeholder) for part in expected)


@settings(deadline=None)
@given(STORIES)
def test_an_edition_without_corrections_is_as_if_the_digest_had_none(mask: int) -> None:
    assert same(RENDERED.edition(mask), WITHOUT, WITHOUT.edition(mask))
    assert (RENDERED.subject_of(mask), RENDERED.preheader_of(mask)) == (
        WITHOUT.subject_of(mask),
        WITHOUT.preheader_of(mask),
    )


@settings(deadline=None, max_examples=20)
@given(STORIES, TOLD)
def test_an_edition_equals_its_articles_and_corrections_rendered_alone(mask: int, told: int) -> None:
    whole = mask | told << COUNT
    subject, preheader = RENDERED.subject_of(whole), RENDERED.preheader_of(whole)
    assert (subject, preheader) == (WITHOUT.subject_of(mask), WITHOUT.preheader_of(mask))
    chosen = [article for number, article in enumerate(ARTICLES) if mask >> number & 1]
    corrections = [each for number, each in enumerate(CORRECTIONS) if told >> number & 1]
    content = Content(subject=subject, preheader=preheader, revisions=chosen)
    alone = render_digest(content, SETTINGS, corrections=corrections, day=DAY)
    assert same(RENDERED.edition(whole), alone, alone.edition(alone.full_mask))


@settings(deadline=None)
@given(st.integers(0, WITHOUT.full_mask), TOLD)
def test_no_edition_exceeds_the_size_that_is_promised(mask: int, told: int) -> None:
    html, text = RENDERED.edition(mask | told << COUNT)
    assert len(html.encode()) <= RENDERED.most_html_bytes
    assert html.count("Read the story") == min(mask.bit_count(), FULL_ARTICLES)
    assert html.count("See what changed") == text.count("See what changed") == told.bit_count()
    assert HEAD in html
    assert HEAD in text


@given(TOLD)
def test_an_edition_of_corrections_alone_is_named_after_the_first_of_them(told: int) -> None:
    first = next(number for number in range(len(CORRECTIONS)) if told >> number & 1)
    word = "Withdrawn" if first == 3 else "Correction"
    assert RENDERED.subject_of(told << COUNT) == f"{word}: Wrong number {first}"
    html, text = RENDERED.edition(told << COUNT)
    for part in (html, text):
        assert "stood out this week" not in part
        assert "Story number" not in part
    assert html.count("display:none;max-height") == 1
    if first < 3:
        assert RENDERED.preheader_of(told << COUNT) == f"Note {first}."
        assert f">Note {first}.<" in html


def test_a_stored_digest_keeps_its_corrections() -> None:
    assert RenderedDigest.from_json(RENDERED.to_json()) == RENDERED
    assert RENDERED.full_mask == (1 << COUNT + len(CORRECTIONS)) - 1


def test_sixty_articles_and_three_corrections_are_the_bits_of_the_column() -> None:
    most = render_digest(Content(revisions=revisions(60)), SETTINGS, corrections=CORRECTIONS[:3], day=DAY)
    assert most.full_mask == 2**63 - 1
    assert HEAD in most.edition(most.full_mask)[0]


@pytest.mark.parametrize("preheader", ["", "Please read this."])
def test_a_digest_that_is_a_correction_has_the_written_words_or_its_own(preheader: str) -> None:
    content = Content("We were wrong", preheader, "We are sorry.", Cadence.CORRECTION, [], lead_position=None)
    rendered = render_digest(content, SETTINGS, corrections=CORRECTIONS[:1], day=DAY)
    assert (rendered.full_mask, rendered.subject_of(1)) == (1, "We were wrong")
    assert rendered.preheader_of(1) == (preheader or "Note 0.")
    html, text = rendered.edition(1)
    for part in (html, text):
        assert "We are sorry." in part
        assert "We sent you a story that was wrong" in part
        assert HEAD not in part
    assert len(html.encode()) <= rendered.most_html_bytes
