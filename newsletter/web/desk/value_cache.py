"""Values that a process caches for a while, so that a hundred open pages cost what one costs.

One thread makes a value, and others that want it wait for it. Each database has its own values.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from newsletter.core import clock
from newsletter.core.runtime import runtime

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ValueCache(Generic[K, V]):
    """Values by key, each current for `seconds`, at most `most` of them."""

    def __init__(self, seconds: float, most: int = 100) -> None:
        self._current_for, self._most = timedelta(seconds=seconds), most
        self._values: WeakKeyDictionary[Engine, OrderedDict[K, tuple[datetime, V]]] = WeakKeyDictionary()
        self._lock = Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The current value; where there is none, a new one is made."""
        found = self.find(key)
        if found is not None:
            return found
        with self._lock:
            found = self.find(key)
            return self.put(key, make()) if found is None else found

    def find(self, key: K) -> V | None:
        """The current value; None where there is none, or an old one."""
        found = self._of_database().get(key)
        # A clock that was put back makes no value last for longer.
        is_current = found is not None and timedelta(0) <= clock.now() - found[0] < self._current_for
        return found[1] if found is not None and is_current else None

    def last(self, key: K) -> V | None:
        """The last value, however old; None where there is none."""
        found = self._of_database().get(key)
        return found[1] if found is not None else None

    def put(self, key: K, value: V) -> V:
        """Store a value that was made just now."""
        values = self._of_database()
        values[key] = clock.now(), value
        values.move_to_end(key)
        while len(values) > self._most:
            values.popitem(last=False)
        return value

    def _of_database(self) -> OrderedDict[K, tuple[datetime, V]]:
        return self._values.setdefault(runtime().db.engine, OrderedDict())
