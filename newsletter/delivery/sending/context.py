"""What a draining job works with, opened once and used for batch after batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.core.runtime import Runtime
from newsletter.delivery.sending.message_cache import MessageCache
from newsletter.delivery.sending.progress_files import ProgressFiles
from newsletter.delivery.sending.rates import Allowance, SendRates
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import Transport

DRAIN_FOR = 30.0
"""Seconds after which a draining job makes room for its successor."""
EVENTS_AFTER = 2.0
"""Seconds after which it makes room for events: they can wait so long, and a job for each batch would cost too much."""
LOOK_EVERY = 0.25
"""Seconds between two looks into the queue, or at what a provider wants."""
WITHOUT_REDIS = 1.0
"""Seconds to wait when limits are set and Redis, which counts them, cannot be reached."""


@dataclass
class SendingContext:
    """The database, the way out, and what is remembered between batches."""

    db: Database
    transport: Transport
    letters: MessageCache
    rates: SendRates
    positions: ProgressFiles
    queues: Queues
    limited: bool
    began: float = field(default_factory=time.monotonic)
    _free_until: float = 0.0
    _looked: float = 0.0
    _somebody_waits: bool = False

    @classmethod
    def open(cls, runtime: Runtime) -> SendingContext:
        settings = runtime.settings
        return cls(
            db=runtime.db,
            transport=open_transport(settings),
            letters=MessageCache(settings),
            rates=SendRates(runtime.queues.redis, settings.mail_rate_limits),
            positions=ProgressFiles(settings.data_dir),
            queues=runtime.queues,
            limited=bool(settings.mail_rate_limits),
        )

    def gives_way(self) -> bool:
        """Whether this job should end at the next safe point: its time is over, or somebody waits who comes first."""
        now = time.monotonic()
        if now - self.began > DRAIN_FOR:
            return True
        if now - self._looked > LOOK_EVERY:
            self._looked = now
            events = now - self.began > EVENTS_AFTER and self.queues.events_wait()
            self._somebody_waits = events or self.queues.reader_waits()
        return self._somebody_waits

    def grant(self, wanted: int) -> Allowance:
        """How many messages may leave now. Without Redis: all of them, or, where limits are set, none.

        Without limits, Redis is asked now and then only: whether a provider wants everyone to wait.
        """
        if not self.limited and time.monotonic() < self._free_until:
            return Allowance(wanted, 0)
        try:
            grant = self.rates.grant(wanted)
        except RedisError:
            grant = Allowance(0, WITHOUT_REDIS) if self.limited else Allowance(wanted, 0)
        if grant.granted:
            self._free_until = time.monotonic() + LOOK_EVERY
        return grant

    def hold(self, seconds: float | None) -> None:
        """The provider asked everyone to wait."""
        self._free_until = 0.0
        if seconds:
            try:
                self.rates.hold(seconds)
            except RedisError:
                return  # then this batch alone waits

    def close(self) -> None:
        self.transport.close()
