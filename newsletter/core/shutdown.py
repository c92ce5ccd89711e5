"""The request to this process to stop. Work ends at the next safe point, and a conversation with a provider in time."""

from __future__ import annotations

import threading
import time

WITHIN = 4.0
"""Seconds that a conversation with a provider gets after the request."""

_requested = threading.Event()
_end = float("inf")


def request() -> None:
    """Ask the work in this process to stop (from a signal handler)."""
    global _end  # noqa: PLW0603 - one process, one end
    _end = min(_end, time.monotonic() + WITHIN)
    _requested.set()


def requested() -> bool:
    """Whether the request has come."""
    return _requested.is_set()


def deadline() -> float:
    """The moment, by the monotonic clock, at which every conversation must be over; infinite without a request."""
    return _end


def wait(seconds: float) -> bool:
    """Sleep until the request at most; True when it has come."""
    return _requested.wait(seconds)
