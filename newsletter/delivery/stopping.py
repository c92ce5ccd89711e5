"""Whether this process was asked to stop: work ends at the next safe point, within seconds."""

from __future__ import annotations

import threading

_asked = threading.Event()


def ask() -> None:
    """Ask the work in this process to stop (from a signal handler)."""
    _asked.set()


def asked() -> bool:
    return _asked.is_set()


def wait(seconds: float) -> bool:
    """Sleep, but wake at once when asked; True when asked."""
    return _asked.wait(seconds)
