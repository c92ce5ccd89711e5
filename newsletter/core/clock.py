"""The one clock: aware times in UTC. Tests can set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, tzinfo

_set_to: datetime | None = None


def now() -> datetime:
    """The present, aware and in UTC."""
    return _set_to or datetime.now(UTC)


def today(zone: tzinfo) -> date:
    """The present day in a zone."""
    return now().astimezone(zone).date()


@contextmanager
def set_to(moment: datetime) -> Iterator[None]:
    """Stop the clock at an aware `moment` (for tests)."""
    global _set_to  # noqa: PLW0603 - one process, one clock
    if moment.tzinfo is None:
        raise ValueError("the clock takes aware times only")
    before, _set_to = _set_to, moment.astimezone(UTC)
    try:
        yield
    finally:
        _set_to = before
