"""The line of facts about an article."""

from __future__ import annotations

import pytest

from newsletter.articles.facts_line import credits_of, facts_line
from newsletter.core.languages import language_of
from tests.services.rendered_digests import revision


@pytest.mark.parametrize(
    ("language", "hype", "sources", "expected"),
    [
        ("en", "Some hype", 1, "Trust 69 · Some hype · 1 source"),
        ("en", "Moderate", 2, "Trust 69 · Moderate · 2 sources"),
        ("en", "No hype", 1234, "Trust 69 · No hype · 1,234 sources"),
        ("de", "Some hype", 1, " 69/100 · Etwas Hype · 1 Quelle"),
        ("de", "Moderate", 2, " 69/100 · Moderate · 2 Quellen"),
    ],
)
def test_it_is_in_the_language_but_for_labels_of_ones_own(
    language: str, hype: str, sources: int, expected: str
) -> None:
    article = revision(trust=69, hype=hype, source_count=sources)
    assert facts_line(article, language_of(language)).endswith(expected)


def test_credits_name_those_who_were_given() -> None:
    article = revision(written_by="Ada 100% Lovelace", checked_by="Charles Babbage", ai_use="den Entwurf")
    found = credits_of(article, language_of("de"))
    assert found == ["Geschrieben von Ada 100% Lovelace", "Geprüft von Charles Babbage", "KI-Einsatz: den Entwurf"]
    assert credits_of(revision(written_by="", checked_by="", ai_use=""), language_of("en")) == []
