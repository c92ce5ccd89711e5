"""What can be chosen, and how it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH, language_of
from newsletter.core.name_rules import LONGEST_NAME
from newsletter.subscribers.preferences import MOST_SECTIONS, Preferences
from newsletter.subscribers.preferences_words import in_words


def test_sections_are_kept_sorted_and_once() -> None:
    assert Preferences(sections=("Research", " Policy", "Policy ", "")).sections == ("Policy", "Research")
    assert Preferences().sections is None


@pytest.mark.parametrize("cadence", ["", "hourly", "WEEKLY", "breaking"])
def test_another_cadence_is_refused(cadence: str) -> None:
    with pytest.raises(InvalidError, match="daily, weekly or monthly"):
        Preferences(cadence=cadence)


@pytest.mark.parametrize("trust", [-1, 101])
def test_a_score_beyond_the_scale_is_refused(trust: int) -> None:
    with pytest.raises(InvalidError, match="0 to 100"):
        Preferences(min_trust=trust)


@pytest.mark.parametrize(
    "sections",
    [(), ("", " "), ("x" * (LONGEST_NAME + 1),), tuple(map(str, range(MOST_SECTIONS + 1))), ("a\x00b",), ("a\nb",)],
)
def test_no_section_or_a_strange_one_is_refused(sections: tuple[str, ...]) -> None:
    with pytest.raises(InvalidError):
        Preferences(sections=sections)


@given(st.lists(st.text(min_size=1, max_size=80), max_size=60))
def test_any_names_are_preferences_or_a_sentence(names: list[str]) -> None:
    try:
        preferences = Preferences(sections=tuple(names))
    except InvalidError:
        return
    assert preferences == Preferences(sections=preferences.sections)
    assert preferences.columns()["sections"]


@pytest.mark.parametrize(
    ("preferences", "words"),
    [
        (Preferences(), "You get the weekly letter. It has stories from all sections."),
        (Preferences("daily", ("Policy",)), "You get the daily letter. It has stories from Policy."),
        (
            Preferences("monthly", ("Law", "Policy", "Research"), 80),
            (
                "You get the monthly letter. It has stories from Law, Policy and Research. Its stories have a trust "
                "score of 80 or more."
            ),
        ),
        (
            Preferences(max_hype="No hype", breaking=True, format="text"),
            (
                "You get the weekly letter. It has stories from all sections. Its stories are labelled “No hype” or "
                "less. Breaking news comes as it happens. Emails are plain text."
            ),
        ),
    ],
)
def test_preferences_in_words(preferences: Preferences, words: str) -> None:
    assert in_words(preferences, language_of(ENGLISH)) == words
