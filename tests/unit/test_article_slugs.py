"""Slugs: readable, short, ASCII, and never empty."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.slugs import LONGEST, is_slug, other_slug, same_words, slug_of

DAY = date(2026, 5, 2)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Musk testifies: xAI used “distillation”", "musk-testifies-xai-used-distillation"),
        ("Grüße aus Łódź & Tromsø, Straße 5", "grusse-aus-lodz-tromso-strasse-5"),
        ("OpenAI's & OpenAI’s", "openais-openais"),
        ("<b>7 * 7</b> {{ x }}", "b-7-7-b-x"),
        ("word " * 40, "-".join(["word"] * 16)),
        ("x" * 200, "x" * LONGEST),
    ],
)
def test_a_title_makes_a_slug(title: str, slug: str) -> None:
    assert slug_of(title, DAY) == slug


def test_a_title_without_latin_letters_gets_a_slug_of_its_own() -> None:
    one, other = slug_of("🎉🤖", DAY), slug_of("日本", DAY)
    assert one.startswith("article-2026-05-02-")
    assert one != other


def test_titles_that_shorten_alike_can_be_told_apart() -> None:
    one, other = "word " * 40 + "one", "word " * 40 + "two"
    assert slug_of(one, DAY) == slug_of(other, DAY)
    assert other_slug(one, DAY) != other_slug(other, DAY)
    assert not same_words(one, other)
    assert same_words("Über: alles", "über alles")


@settings(deadline=None)
@given(st.text(), st.dates())
def test_any_title_makes_a_slug(title: str, day: date) -> None:
    slug = slug_of(title, day)
    assert is_slug(slug)
    assert is_slug(other_slug(title, day))
    assert len(slug) <= LONGEST
    assert slug == slug_of(title, day)
