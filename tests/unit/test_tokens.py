"""Random tokens."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from itsdangerous import URLSafeTimedSerializer

from newsletter.core import clock, tokens
from newsletter.core.tokens import TokenError, TokenSigner

KEYS = ("an older key of the site", "the present key of the site")
DAY = timedelta(days=1)
NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


def test_tokens_of_rows_that_go_together_begin_alike_and_differ() -> None:
    found = tokens.random_tokens(5000)
    assert len(set(found)) == 5000
    assert all(tokens.is_random_token(token) for token in found)
    assert len({token[: tokens.SHARED_PREFIX] for token in found}) == 1
    assert found[0][: tokens.SHARED_PREFIX] != tokens.random_tokens(1)[0][: tokens.SHARED_PREFIX]
    assert tokens.random_tokens(0) == []


def test_each_character_is_as_likely_as_any_other() -> None:
    count = 20_000
    seen = Counter("".join(tokens.random_token() for _ in range(count)))
    expected = count * tokens.LENGTH / len(tokens.ALPHABET)
    assert set(seen) == set(tokens.ALPHABET)
    # Chi squared of 61 degrees of freedom: beyond 180 once in 10**13 runs.
    assert sum((found - expected) ** 2 / expected for found in seen.values()) < 180


def test_a_signed_token_shows_nothing_of_what_it_carries() -> None:
    token = TokenSigner(KEYS, "confirm").sign([4711, "2026-05-02"])
    opened = base64.urlsafe_b64decode(token + "==")
    assert b"4711" not in opened
    assert b"2026" not in opened
    assert TokenSigner(KEYS, "confirm").read(token, DAY) == [4711, "2026-05-02"]
    assert TokenSigner(KEYS, "confirm").sign([4711, "2026-05-02"]) != token


def test_an_open_token_shows_what_it_carries_and_no_two_are_alike() -> None:
    signer = TokenSigner(KEYS, "form", is_open=True)
    token = signer.sign(["/subscribe", "en"])
    assert b"/subscribe" in base64.urlsafe_b64decode(token + "==")
    assert signer.read(token, DAY) == ["/subscribe", "en"]
    assert signer.sign(["/subscribe", "en"]) != token


@pytest.mark.parametrize("is_open", [True, False])
def test_open_tokens_are_not_read_as_sealed_ones_nor_sealed_as_open(is_open: bool) -> None:
    token = TokenSigner(KEYS, "confirm", is_open=is_open).sign([1])
    with pytest.raises(TokenError):
        TokenSigner(KEYS, "confirm", is_open=not is_open).read(token, DAY)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_signed_token_is_of_one_purpose_key_and_time(is_open: bool) -> None:
    with clock.set_to(NOON):
        token = TokenSigner(KEYS, "confirm", is_open=is_open).sign([1])
    for moment, keys, purpose in (
        (NOON + DAY + timedelta(seconds=1), KEYS, "confirm"),
        (NOON - timedelta(seconds=1), KEYS, "confirm"),
        (NOON, KEYS[:1], "confirm"),
        (NOON, KEYS, "form"),
    ):
        with clock.set_to(moment), pytest.raises(TokenError):
            TokenSigner(keys, purpose, is_open=is_open).read(token, DAY)
    with clock.set_to(NOON + DAY):
        newer = TokenSigner((*KEYS, "a newer key of the site"), "confirm", is_open=is_open)
        assert newer.read(token, DAY) == [1]


@pytest.mark.parametrize("is_open", [True, False])
def test_no_changed_token_is_read(is_open: bool) -> None:
    signer = TokenSigner(KEYS, "confirm", is_open=is_open)
    token = signer.sign([1])
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(TokenError):
            signer.read(token[:place] + other + token[place + 1 :], DAY)
    for text in ("", "A", "=", "x" * 5000, token + "A", token[:-1], "\ud800", "é" * 50, "."):
        with pytest.raises(TokenError):
            signer.read(text, DAY)


def test_tokens_that_show_what_they_carry_are_not_read() -> None:
    """Versions before 1.0 signed such ones; their links worked for a week."""
    former = URLSafeTimedSerializer(list(KEYS), salt="newsletter.confirm").dumps([1])
    with pytest.raises(TokenError):
        TokenSigner(KEYS, "confirm").read(former, DAY)
