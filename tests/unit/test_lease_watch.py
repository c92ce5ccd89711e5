"""Leases are watched by the sweeper's own clock, whatever other clocks say."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from newsletter.core.ids import BatchId
from newsletter.delivery.ledger import lease_watch
from newsletter.delivery.ledger.lease_watch import LeaseWatch

ONE = BatchId(1)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(lease_watch, "time", SimpleNamespace(monotonic=lambda: clock.seconds))
    return clock


def test_a_lease_is_over_when_it_was_seen_unchanged_for_its_whole_length(now: SimpleNamespace) -> None:
    watch, lease = LeaseWatch(10), (ONE, 1, 1.0)
    assert watch.over([lease], grace=2) == [], "however old it says it is"
    now.seconds = 11.9
    assert watch.over([lease], grace=2) == []
    now.seconds = 12.1
    assert watch.over([lease], grace=2) == [ONE]


@pytest.mark.parametrize("other", [(ONE, 2, 1.0), (ONE, 1, 2.0)], ids=["another attempt", "a renewal"])
def test_a_change_begins_it_anew(now: SimpleNamespace, other: tuple[BatchId, int, float]) -> None:
    watch = LeaseWatch(10)
    watch.over([(ONE, 1, 1.0)], grace=0)
    now.seconds = 9
    watch.over([other], grace=0)
    now.seconds = 18
    assert watch.over([other], grace=0) == []


def test_what_was_gone_in_between_is_new(now: SimpleNamespace) -> None:
    watch, lease = LeaseWatch(10), (ONE, 1, 1.0)
    watch.over([lease], grace=0)
    watch.over([], grace=0)
    now.seconds = 20
    assert watch.over([lease], grace=0) == []
