"""The articles that preferences allow, and ids packed and unpacked."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.config import HYPE_LABELS
from newsletter.delivery.freezing.wanted_articles import mask_of
from newsletter.delivery.ledger.packing import BATCH_SIZE, pack_ids, split_batches, unpack_ids
from tests.services.rendered_digests import revision

NO, LOW, SOME, HIGH = HYPE_LABELS
STORIES = [
    revision("a", section="Policy", trust=80, hype=NO),
    revision("b", section="Research", trust=60, hype=LOW),
    revision("c", section="Policy", trust=59, hype=HIGH),
    revision("d", section="Science", trust=0, hype="Breathless"),  # a label from before HYPE_LABELS was changed
]


@pytest.mark.parametrize(
    ("sections", "min_trust", "max_hype", "kept"),
    [
        (None, 0, None, "abcd"),
        (["Policy"], 0, None, "ac"),
        (["Policy", "Science"], 0, None, "acd"),
        (["Gardening"], 0, None, ""),
        (None, 60, None, "ab"),
        (None, 61, None, "a"),
        (None, 100, None, ""),
        (None, 0, NO, "a"),
        (None, 0, LOW, "ab"),
        (None, 0, SOME, "ab"),
        (None, 0, HIGH, "abc"),
        (None, 0, "Enormous", "abcd"),  # chosen from labels that are no more: any
        (["Policy"], 59, LOW, "a"),
    ],
)
def test_the_articles_that_preferences_allow(
    sections: Sequence[str] | None, min_trust: int, max_hype: str | None, kept: str
) -> None:
    mask = mask_of(STORIES, sections, min_trust, max_hype, HYPE_LABELS)
    assert "".join(story.article.slug for i, story in enumerate(STORIES) if mask >> i & 1) == kept
    assert mask < 1 << len(STORIES)


def test_the_order_of_the_labels_is_the_setting_s() -> None:
    assert mask_of(STORIES, None, 0, HIGH, (HIGH, NO)) == 0b0100
    assert mask_of(STORIES, None, 0, NO, (HIGH, NO)) == 0b0101


@given(st.lists(st.integers(1, 2**62), max_size=50))
def test_ids_survive_packing(ids: list[int]) -> None:
    assert unpack_ids(pack_ids(array("q", ids))) == array("q", ids)
    assert len(pack_ids(array("q", ids))) == 8 * len(ids)


@given(st.integers(0, 3 * BATCH_SIZE + 1))
def test_batches_hold_everyone_once_in_order(count: int) -> None:
    found = list(split_batches(array("q", range(count))))
    assert [i for batch in found for i in batch] == list(range(count))
    assert all(0 < len(batch) <= BATCH_SIZE for batch in found)
