"""The context of a draining job: opened once, and used for batch after batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.core.runtime import Runtime
from newsletter.delivery.ledger.restore_guard import RestoreWitness
from newsletter.delivery.sending.message_cache import MessageCache
from newsletter.delivery.sending.progress_files import ProgressFiles
from newsletter.delivery.sending.rates import Allowance, SendRates
from newsletter.delivery.sending.refusal_streak import RefusalStreak
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import Transport

DRAIN_FOR = 30.0
"""Seconds after which a draining job yields to its successor."""
EVENTS_AFTER = 2.0
"""Seconds after which it yields to events. They can wait that long, and a job for each batch would cost too much."""
LOOK_EVERY = 0.25
"""Seconds between two looks into the queue, or at a provider's wish to wait."""
AWAY = 5.0
"""Seconds for which Redis is left alone when it did not answer: each question would hold up the sending."""
SLOW = 0.5
"""Seconds for a look into the queue after which Redis counts as away."""
WITHOUT_REDIS = 1.0
"""Seconds to wait when limits are set and Redis, which counts them, cannot be reached."""


@dataclass
class SendingContext:
    """The database, the transport, and what is kept between batches."""

    db: Database
    transport: Transport
    messages: MessageCache
    rates: SendRates
    progress: ProgressFiles
    queues: Queues
    has_limits: bool
    witness: RestoreWitness | None = None
    streak: RefusalStreak = field(default_factory=RefusalStreak)
    began: float = field(default_factory=time.monotonic)
    _unlimited_until: float = 0.0
    _looked: float = 0.0
    _urgent_work: bool = False

    @classmethod
    def open(cls, runtime: Runtime) -> SendingContext:
        settings = runtime.settings
        return cls(
            db=runtime.db,
            transport=open_transport(settings),
            messages=MessageCache(settings),
            rates=SendRates(runtime.queues.redis, settings.mail_rate_limits),
            progress=ProgressFiles(settings.data_dir),
            queues=runtime.queues,
            has_limits=bool(settings.mail_rate_limits),
            witness=RestoreWitness(settings.data_dir, runtime.queues.redis),
        )

    def should_yield(self) -> bool:
        """Whether this job should end at the next safe point: its time is over, or more urgent work waits."""
        now = time.monotonic()
        if now - self.began > DRAIN_FOR:
            return True
        if now - self._looked > LOOK_EVERY:
            self._looked = now
            self._urgent_work = now - self.began > EVENTS_AFTER and self.queues.events_wait()
            if time.monotonic() - now > SLOW:
                self._looked = time.monotonic() + AWAY
        return self._urgent_work

    def reserve(self, wanted: int) -> Allowance:
        """How many messages may be sent now. Without Redis: all of them or, where limits are set, none.

        Without limits Redis is asked only now and then whether a provider wants everyone to wait.
        """
        if not self.has_limits and time.monotonic() < self._unlimited_until:
            return Allowance(wanted, 0)
        try:
            allowance = self.rates.reserve(wanted)
        except RedisError:
            if not self.has_limits:
                self._unlimited_until = time.monotonic() + AWAY
                return Allowance(wanted, 0)
            allowance = Allowance(0, WITHOUT_REDIS)
        # A request for a whole batch asks each time: nothing leaks past a Retry-After that another worker was given.
        if allowance.allowed and not self.transport.all_or_nothing:
            self._unlimited_until = time.monotonic() + LOOK_EVERY
        return allowance

    def back_off(self, seconds: float | None) -> None:
        """Have every worker wait, as the provider asked. Without Redis only the batch at hand waits."""
        self._unlimited_until = 0.0
        if seconds:
            try:
                self.rates.back_off(seconds)
            except RedisError:
                return

    def close(self) -> None:
        self.transport.close()
