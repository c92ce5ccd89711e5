"""For how long a test waits for something that should happen.

The limit only ends a test that would hang: no machine is slow enough to reach it, so it says nothing about speed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 600.0
"""Seconds after which something that should happen counts as not happening."""
BROWSER_PATIENCE = 120_000.0
"""The same for one step of a browser; milliseconds."""


def until(condition: Callable[[], bool], what: str = "it", *, pause: float = 0.02) -> None:
    """Wait until `condition` holds; `pause`: seconds between two looks."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {PATIENCE:.0f} s"
        time.sleep(pause)
