"""The signal that something became due: a clock that sleeps until the next known time looks at once.

It is published in Redis after a commit and kept nowhere. A lost one costs time alone, since a clock also looks by
itself every few seconds.
"""

from __future__ import annotations

import select
from contextlib import suppress

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from newsletter.core import shutdown

ANSWER_WITHIN = 1.0
"""Seconds."""
CHANNEL = "newsletter:clock:signal"


def send_signal(redis: Redis) -> None:
    """Have every clock look now. Call it after the commit."""
    with suppress(RedisError):
        redis.publish(CHANNEL, "")


class ClockSignal:
    """Listens for the signal over a connection of its own."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._subscription: PubSub | None = None

    def listen(self) -> bool:
        """Connect if there is no connection; whether that was so. Raises RedisError.

        Signals from now on end a `wait`; earlier ones were lost.
        """
        if self._subscription is not None:
            return False
        subscription = self._redis.pubsub()  # type: ignore[no-untyped-call]
        subscription.subscribe(CHANNEL)
        subscription.get_message(timeout=ANSWER_WITHIN)  # that it is subscribed; what follows is a signal
        self._subscription = subscription
        return True

    def wait(self, seconds: float) -> bool:
        """Sleep until the signal, or a request to this process to stop, at most `seconds`; whether it was signalled.

        A lost connection ends the sleep: `listen` makes another.
        """
        found = self._subscription
        connection = found.connection if found is not None else None
        socket = getattr(connection, "_sock", None)
        if found is None or socket is None:
            shutdown.wait(seconds)
            return False
        select.select([socket, shutdown.readable()], [], [], max(seconds, 0.0))
        is_signalled = False
        try:
            while found.get_message(timeout=0.0) is not None:
                is_signalled = True
        except (RedisError, OSError):
            self.close()
        return is_signalled

    def close(self) -> None:
        """Forget the connection."""
        if self._subscription is not None:
            with suppress(RedisError, OSError):
                self._subscription.close()
            self._subscription = None
