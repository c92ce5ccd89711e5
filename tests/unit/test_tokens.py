"""Random tokens."""

from __future__ import annotations

from collections import Counter

from newsletter.core import tokens


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
