"""Whether this process was asked to stop: work ends at the next safe point, and a conversation is cut in time."""

from __future__ import annotations

import threading
import time

WITHIN = 4.0
"""Seconds that a conversation with a provider gets after the request to stop."""

_asked = threading.Event()
_end = float("inf")


def request() -> None:
    """Ask the work in this process to stop (from a signal handler)."""
    global _end  # noqa: PLW0603 - one process, one end
    _end = min(_end, time.monotonic() + WITHIN)
    _asked.set()


def requested() -> bool:
    return _asked.is_set()


def deadline() -> float:
    """The moment, by the monotonic clock, at which every conversation must be over; infinite unless asked."""
    return _end


def wait(seconds: float) -> bool:
    """Sleep, but wake at once when asked; True when asked."""
    return _asked.wait(seconds)
