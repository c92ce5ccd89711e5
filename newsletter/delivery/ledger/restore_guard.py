"""A database that was set back must not mail again what a later state of it knew to be sent.

The clock counts its turns (each second while something is sent, else each minute), in the database and then in two
places outside it: a file in DATA_DIR and Redis. A witness that knows a later turn than the database says that a backup
was restored; a database that no witness knows and that was not turned for minutes, or whose last turn lies long back,
may be one. Either way its open digests wait for an editor, who knows what went out.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.runtime import Runtime
from newsletter.delivery.ledger.models import ClockTick
from newsletter.digests.models import Digest, DigestStatus, PausedReason

log = logging.getLogger(__name__)

SET_BACK = "A backup was restored: more may have been sent than this database knows. Resume it, or cancel it."
LONG_BACK = (
    "Nothing was running for a long time, or a backup was restored; then more may have been sent than this database "
    "knows. Resume it, or cancel it."
)
IDLE = timedelta(minutes=1)
"""Between two turns that are counted while nothing is sent."""
_KEY = "newsletter:turn"
_OPEN = (DigestStatus.SENDING, DigestStatus.SCHEDULED)


class RestoreWitness:
    """The last turn as it is known outside the database."""

    def __init__(self, data_dir: Path, redis: Redis) -> None:
        self._path = data_dir / "turn"
        self._redis = redis

    def last(self) -> int | None:
        """The latest turn that a witness knows; None when there is no witness."""
        known = []
        with suppress(OSError, ValueError):
            known.append(int(self._path.read_text()))
        with suppress(RedisError, ValueError):
            if (found := self._redis.get(_KEY)) is not None:
                known.append(int(found))
        return max(known, default=None)

    def tell(self, number: int) -> None:
        """Make a turn known that the database has committed. One of two witnesses is enough."""
        with suppress(RedisError):
            self._redis.set(_KEY, number)
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(str(number))
            fresh.replace(self._path)
        except OSError as error:
            log.warning("the turn cannot be kept in DATA_DIR: %s", error.strerror)


def is_set_back(session: Session, witness: RestoreWitness) -> bool:
    """Whether a witness knows a later turn than the database. A worker asks before it claims anything."""
    last = witness.last()
    return last is not None and last > (session.scalar(select(ClockTick.number)) or 0)


def record_tick(runtime: Runtime, witness: RestoreWitness, *, first: bool) -> None:
    """Count a turn of the clock, after pausing what is open if the database was set back. `first`: since the start."""
    last = witness.last()
    with runtime.db.transaction() as session:
        row = session.get(ClockTick, 1, with_for_update=True) or ClockTick(id=1, number=0, ticked_at=clock.now())
        quiet = clock.now() - row.ticked_at
        if last is not None and last > row.number:
            _pause(session, SET_BACK, _OPEN)
            row.number = last
        elif first and row.number and last is None and quiet > 3 * IDLE:
            _pause(session, SET_BACK, _OPEN)
        elif first and row.number and quiet > runtime.settings.overdue_after:
            _pause(session, LONG_BACK, (DigestStatus.SENDING,))
        elif row.number and quiet < IDLE and not _anything_is_sent(session):
            return
        row.number += 1
        row.ticked_at = clock.now()
        session.add(row)
    witness.tell(row.number)


def pause_open_digests(session: Session) -> list[int]:
    """What `db restored` does by hand: every open digest waits for an editor; their numbers."""
    return _pause(session, SET_BACK, _OPEN)


def _anything_is_sent(session: Session) -> bool:
    return session.scalar(select(Digest.id).where(Digest.status == DigestStatus.SENDING).limit(1)) is not None


def _pause(session: Session, note: str, statuses: Collection[DigestStatus]) -> list[int]:
    paused = list(
        session.scalars(
            update(Digest)
            .where(Digest.status.in_(statuses))
            .values(status=DigestStatus.PAUSED, paused_reason=PausedReason.RESTORED, paused_note=note)
            .returning(Digest.id)
            .execution_options(synchronize_session=False)
        )
    )
    for digest_id in paused:
        log.warning("digest %d waits: %s", digest_id, note)
    return paused
