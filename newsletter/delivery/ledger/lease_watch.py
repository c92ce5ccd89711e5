"""Watching leases by one process's own monotonic clock.

The clocks of hosts differ and jump, the database's too. So the sweeper does not ask what time it is: it takes back a
batch that it saw unchanged for a whole lease. A renewal changes the row.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from newsletter.core.ids import BatchId


class _Seen(NamedTuple):
    lease: tuple[int, float]
    since: float


class LeaseWatch:
    """The leases that this process sees. `seconds`: how long a lease lasts without a renewal."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[BatchId, _Seen] = {}

    def over(self, leases: Iterable[tuple[BatchId, int, float]], *, grace: float) -> list[BatchId]:
        """The batches whose lease has not changed for its whole length and `grace`. `leases`: number, attempt and
        `lease_until` of all batches that workers have now."""
        now = time.monotonic()
        seen = {}
        for batch_id, attempt, until in leases:
            before = self._seen.get(batch_id)
            same = before is not None and before.lease == (attempt, until)
            seen[batch_id] = before if same and before else _Seen((attempt, until), now)
        self._seen = seen
        return [batch_id for batch_id, each in seen.items() if now - each.since > self._seconds + grace]
