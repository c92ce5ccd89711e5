"""The pace of a digest that somebody watches, also from the middle of it."""

from __future__ import annotations

import pytest

from newsletter.cli.digests.progress import Pace
from newsletter.delivery.reports.status import DigestState


def state(accepted: int, waiting: int, *, in_doubt: int = 0, until_hour: int = 0) -> DigestState:
    return DigestState(
        id=1,
        status="sending",
        paused_reason=None,
        recipients=accepted + waiting + in_doubt,
        accepted=accepted,
        refused=0,
        skipped=0,
        in_doubt=in_doubt,
        unanswered=0,
        waiting=waiting,
        deferred=0,
        cancelled=0,
        until_hour=until_hour,
        last_hour=None,
    )


@pytest.mark.parametrize(
    ("begun", "now", "says"),
    [
        (state(0, 1000), state(100, 900), "10/s, 0:01:30 left"),
        (state(9000, 1000), state(9100, 900), "10/s, 0:01:30 left"),  # what was sent before is no pace
        (state(9000, 1000), state(9000, 1000), "0/s"),
        (state(900, 100), state(1000, 0), "10/s"),
        (state(0, 1000), state(100, 900, until_hour=800), "10/s, 0:00:10 left"),
        (state(0, 200, in_doubt=50), state(100, 100, in_doubt=50), "10/s, 0:00:10 left"),
        (state(10, 90), state(0, 100), "0/s"),  # an editor had some sent again
    ],
)
def test_pace(begun: DigestState, now: DigestState, says: str) -> None:
    assert Pace(begun, 100.0).describe(now, 110.0) == says
