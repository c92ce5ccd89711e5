"""What a draining job works with, opened once and used for batch after batch."""

from __future__ import annotations

from dataclasses import dataclass

from redis.exceptions import RedisError

from newsletter.core.db import Database
from newsletter.core.runtime import Runtime
from newsletter.delivery.letters import Letters
from newsletter.delivery.positions import Positions
from newsletter.delivery.rates import Grant, Rates
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import Transport

WITHOUT_REDIS = 1.0
"""Seconds to wait when limits are set and Redis, which counts them, cannot be reached."""


@dataclass(frozen=True)
class Kit:
    """The database, the way out, and what is remembered between batches."""

    db: Database
    transport: Transport
    letters: Letters
    rates: Rates
    positions: Positions
    limited: bool

    @classmethod
    def open(cls, runtime: Runtime) -> Kit:
        settings = runtime.settings
        return cls(
            db=runtime.db,
            transport=open_transport(settings),
            letters=Letters(settings),
            rates=Rates(runtime.queues.redis, settings.mail_limits),
            positions=Positions(settings.data_dir),
            limited=bool(settings.mail_limits),
        )

    def grant(self, wanted: int) -> Grant:
        """How many messages may leave now. Without Redis: all of them, or, where limits are set, none."""
        try:
            return self.rates.grant(wanted)
        except RedisError:
            return Grant(0, WITHOUT_REDIS) if self.limited else Grant(wanted, 0)

    def hold(self, seconds: float | None) -> None:
        """The provider asked everyone to wait."""
        if seconds:
            try:
                self.rates.hold(seconds)
            except RedisError:
                return  # then this batch alone waits

    def close(self) -> None:
        self.transport.close()
