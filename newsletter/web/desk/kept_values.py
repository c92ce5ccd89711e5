"""Values that a process keeps for a moment, so that a hundred open pages cost what one costs.

A value is made by one thread at a time; whoever waits for it finds it made. Each database has its own values.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from newsletter.core.runtime import runtime

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class KeptValues(Generic[K, V]):
    """Values by key, each for `seconds`, at most `most` of them."""

    def __init__(self, seconds: float, most: int = 100) -> None:
        self._seconds, self._most = seconds, most
        self._kept: WeakKeyDictionary[Engine, OrderedDict[K, tuple[float, V]]] = WeakKeyDictionary()
        self._lock = Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The kept value, or else a new one."""
        found = self.find(key)
        if found is not None:
            return found
        with self._lock:
            found = self.find(key)
            return self.put(key, make()) if found is None else found

    def find(self, key: K) -> V | None:
        """The kept value; None where there is none, or an old one."""
        kept = self._of_database().get(key)
        return kept[1] if kept is not None and time.monotonic() - kept[0] < self._seconds else None

    def put(self, key: K, value: V) -> V:
        """Keep a value that was made just now."""
        values = self._of_database()
        values[key] = time.monotonic(), value
        values.move_to_end(key)
        while len(values) > self._most:
            values.popitem(last=False)
        return value

    def _of_database(self) -> OrderedDict[K, tuple[float, V]]:
        return self._kept.setdefault(runtime().db.engine, OrderedDict())
