"""A restored backup must not mail again what a later state of the database knew to be sent.

The clock counts its ticks (each second while something is sent, else each minute) in the database, and then in two
places outside it: a file in DATA_DIR, and Redis. When such a witness knows a later tick than the database, a backup was
restored. Between two ticks whole digests can be sent, so workers tell the witness too: of each batch that they mark as
sending, before its first message. A witness that knows a batch or an attempt which the database does not know means the
same. When no witness knows the database and its last tick is minutes old, or when its last tick is very old, a
backup may have been restored. In each case its open digests wait for an editor, who can find out what was sent.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import cast

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import CLOCK, Actor
from newsletter.core.db import log_after_commit
from newsletter.core.ids import BatchId
from newsletter.core.runtime import Runtime
from newsletter.delivery.ledger.models import Batch, ClockTick
from newsletter.digests import lifecycle
from newsletter.digests.models import Digest, DigestStatus, PausedReason

log = logging.getLogger(__name__)

RESTORED = "A backup was restored: more may have been sent than this database knows. Resume it, or cancel it."
LONG_IDLE = (
    "Nothing was running for a long time, or a backup was restored; then more may have been sent than this database "
    "knows. Resume it, or cancel it."
)
IDLE = timedelta(minutes=1)
"""The time between two counted ticks while nothing is sent."""
_KEY = "newsletter:tick"
_BATCH_KEY = "newsletter:batch"
_ATTEMPTS = 1 << 20
"""A batch and its attempt as one number that rises: batch * _ATTEMPTS + attempt."""
_RAISE = (
    "if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end"
)
_OPEN = (DigestStatus.SENDING, DigestStatus.SCHEDULED)


class RestoreWitness:
    """The last tick as it is known outside the database."""

    def __init__(self, data_dir: Path, redis: Redis) -> None:
        self._path = data_dir / "tick"
        self._batch_path = data_dir / "batch"
        self._redis = redis
        self._redis_is_away = False

    def last(self) -> int | None:
        """The latest tick that a witness knows; None when there is no witness."""
        known = []
        with suppress(OSError, ValueError):
            known.append(int(self._path.read_text()))
        with suppress(ValueError):
            if (found := self._ask_redis(_KEY)) is not None:
                known.append(int(found))
        return max(known, default=None)

    def tell(self, number: int) -> None:
        """Keep a tick that the database has committed. One of two witnesses is enough."""
        with suppress(RedisError):
            self._redis.set(_KEY, number)
        new = self._path.with_suffix(".new")
        try:
            new.write_text(str(number))
            new.replace(self._path)
        except OSError as error:
            log.warning("the tick cannot be kept in DATA_DIR: %s", error.strerror)

    def highest_batch(self) -> int:
        """The highest batch, as one number, that a witness knows; 0 when there is none."""
        known = [0]
        with suppress(OSError, ValueError):
            known.append(int(self._batch_path.read_text()))
        with suppress(ValueError):
            known.append(int(self._ask_redis(_BATCH_KEY) or 0))
        return max(known)

    def _ask_redis(self, key: str) -> bytes | None:
        """The value that Redis keeps under a key. One that hangs is asked only once."""
        if self._redis_is_away:
            return None
        try:
            return cast("bytes | None", self._redis.get(key))
        except RedisError:
            self._redis_is_away = True
            return None

    def tell_batch(self, batch_id: BatchId, attempt: int) -> None:
        """Keep that a batch was marked as sending, unless a higher one is known. One of two witnesses is enough."""
        number = batch_id * _ATTEMPTS + attempt
        if not self._redis_is_away:  # it would hold up each batch; the file is enough
            try:
                self._redis.eval(_RAISE, 1, _BATCH_KEY, str(number))
            except RedisError:
                self._redis_is_away = True
        try:
            with self._batch_path.open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                if int(file.read() or 0) < number:
                    file.truncate(0)
                    file.write(str(number))
        except (OSError, ValueError) as error:
            log.warning("that batch %d is sent cannot be kept in DATA_DIR: %s", batch_id, type(error).__name__)


def is_set_back(session: Session, witness: RestoreWitness) -> bool:
    """Whether a witness knows more than the database. A worker asks before its first claim."""
    last, row = witness.last(), session.get(ClockTick, 1)
    if last is not None and last > (row.number if row else 0):
        return True
    return _is_batch_unknown(session, witness.highest_batch(), row)


def _is_batch_unknown(session: Session, highest: int, row: ClockTick | None) -> bool:
    """Whether a witness knows of a batch, or of an attempt at it, that the database does not know."""
    if highest <= (row.known_batch if row else 0):
        return False
    batch_id, attempt = divmod(highest, _ATTEMPTS)
    known = session.scalar(select(Batch.attempt).where(Batch.id == batch_id))
    if known is None:  # deleted, if there are later ones
        return (session.scalar(select(func.max(Batch.id))) or 0) < batch_id
    return known < attempt


def record_tick(runtime: Runtime, witness: RestoreWitness, *, first: bool) -> None:
    """Count a tick, after pausing the open digests of a restored backup. `first`: the first one since the start."""
    last, highest = witness.last(), witness.highest_batch()
    with runtime.db.transaction() as session:
        row = session.get(ClockTick, 1, with_for_update=True) or ClockTick(
            id=1, number=0, known_batch=0, ticked_at=clock.now()
        )
        quiet = clock.now() - row.ticked_at
        if last is not None and last > row.number:
            _pause(session, RESTORED, _OPEN, by=CLOCK)
            row.number = last
            row.known_batch = max(highest, row.known_batch)
        elif _is_batch_unknown(session, highest, row):
            _pause(session, RESTORED, _OPEN, by=CLOCK)
            row.known_batch = highest
        elif first and row.number and last is None and quiet > 3 * IDLE:
            _pause(session, RESTORED, _OPEN, by=CLOCK)
        elif first and row.number and quiet > runtime.settings.overdue_after:
            _pause(session, LONG_IDLE, (DigestStatus.SENDING,), by=CLOCK)
        elif row.number and quiet < IDLE and not _anything_is_sent(session):
            return
        row.number += 1
        row.ticked_at = clock.now()
        session.add(row)
    witness.tell(row.number)


def count_freeze(session: Session) -> int:
    """Count a tick in the transaction of a freeze; the number, which `RestoreWitness.tell` gets after the commit."""
    row = session.get(ClockTick, 1, with_for_update=True) or ClockTick(id=1, number=0, known_batch=0)
    row.number += 1
    row.ticked_at = clock.now()
    session.add(row)
    return row.number


def pause_open_digests(session: Session, *, by: Actor) -> list[int]:
    """Have every open digest wait for an editor, since the operator restored a backup; their numbers."""
    return _pause(session, RESTORED, _OPEN, by=by)


def _anything_is_sent(session: Session) -> bool:
    return session.scalar(select(Digest.id).where(Digest.status == DigestStatus.SENDING).limit(1)) is not None


def _pause(session: Session, note: str, statuses: Collection[DigestStatus], *, by: Actor) -> list[int]:
    paused = lifecycle.pause_open(session, statuses, PausedReason.RESTORED, note, by=by)
    for digest_id in paused:
        log_after_commit(session, log).warning("digest %d waits: %s", digest_id, note)
    return paused
