"""The events of a run and their times, to be read when it failed."""

from __future__ import annotations

import time


class Timeline:
    """Lines with the seconds since its beginning."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def add(self, what: str) -> None:
        self.lines.append(f"{self.seconds:7.2f} {what}")

    def __str__(self) -> str:
        return "\n".join(self.lines)
