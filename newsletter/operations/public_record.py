"""Keeping the public record: the clock counts open digests once a minute, and months once an hour."""

from __future__ import annotations

from newsletter.core import shutdown
from newsletter.core.runtime import Runtime
from newsletter.operations.intervals import is_interval_over
from newsletter.public_record import monthly_figures, tallies

MONTHS_KEY = "newsletter:months"
MONTHS_EVERY = 3600
"""Seconds."""


def keep_record(runtime: Runtime) -> None:
    """Count what may have changed, each digest in a transaction of its own. The months wait for Redis."""
    tally_digests(runtime)
    with runtime.db.reading() as session:
        is_begun = monthly_figures.is_begun(session)  # else an hour would pass until the first month is counted
    if is_begun and is_interval_over(runtime, MONTHS_KEY, MONTHS_EVERY):
        count_months(runtime)


def tally_digests(runtime: Runtime) -> None:
    """Count the digests whose figures may have changed."""
    with runtime.db.reading() as session:
        waiting = tallies.digests_to_tally(session)
    for digest_id in waiting:
        if shutdown.requested():
            return
        with runtime.db.transaction() as session:
            tallies.tally_digest(session, runtime.settings, digest_id)


def count_months(runtime: Runtime) -> None:
    """Count the months that may have changed."""
    with runtime.db.transaction() as session:
        monthly_figures.count_months(session, runtime.settings.timezone)
