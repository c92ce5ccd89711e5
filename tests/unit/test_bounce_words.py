"""The lists of words: each phrase can be found, and none is shadowed by a list that wins over it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from newsletter.mail import failures
from newsletter.mail.failures.phrases import find_phrase
from newsletter.mail.failures.verdicts import FailureKind

DOCUMENT = tomllib.loads(files(failures).joinpath("bounce_words.toml").read_text(encoding="utf-8"))
LANGUAGES = {"en", "de", "fr", "es", "it", "nl", "pl", "pt", "ru", "ja", "zh"}


@pytest.mark.parametrize("kind", FailureKind)
def test_each_kind_has_words_in_each_language(kind: FailureKind) -> None:
    assert set(DOCUMENT[kind]) >= LANGUAGES


@pytest.mark.parametrize("kind", FailureKind)
def test_no_phrase_is_shadowed(kind: FailureKind) -> None:
    wrong = []
    for phrases in DOCUMENT[kind].values():
        for phrase in phrases:
            found = find_phrase(phrase.replace(" ... ", " xyz ").replace("*", ""))
            if found is None or found.kind is not kind:
                wrong.append((phrase, found))
    assert wrong == []


@pytest.mark.parametrize("kind", FailureKind)
def test_no_phrase_is_a_piece_of_a_word(kind: FailureKind) -> None:
    for phrase in DOCUMENT[kind]["en"]:
        if "*" not in phrase:
            found = find_phrase(f"x{phrase.replace(' ... ', ' xyz ')}x")
            assert found is None or found.words != phrase


@pytest.mark.parametrize("words", DOCUMENT["nothing"]["en"])
def test_words_that_decide_nothing(words: str) -> None:
    assert find_phrase(words) is None
