"""A database that was set back must not mail again what a later state of it knew to be sent.

While anything is open the clock counts its turns, in the database and then in two places outside it: a file in DATA_DIR
and Redis. A witness that knows a later turn than the database says that a backup was restored; a database with open
digests that no witness knows, or whose last turn lies long back, may be one. Either way its open digests wait for an
editor, who knows what went out.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.runtime import Runtime
from newsletter.delivery.models import Turn
from newsletter.digests.models import Digest, DigestStatus, PausedReason

log = logging.getLogger(__name__)

SET_BACK = "A backup was restored: more may have been sent than this database knows. Resume it, or cancel it."
LONG_BACK = (
    "Nothing was running for a long time, or a backup was restored; then more may have been sent than this database "
    "knows. Resume it, or cancel it."
)
_KEY = "newsletter:turn"
_OPEN = (DigestStatus.SENDING, DigestStatus.SCHEDULED)


class Witness:
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
        """Make a turn known that the database has committed."""
        with suppress(RedisError):
            self._redis.set(_KEY, number)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(str(number))
        fresh.replace(self._path)


def is_set_back(session: Session, witness: Witness) -> bool:
    """Whether a witness knows a later turn than the database. A worker asks before it claims anything."""
    last = witness.last()
    return last is not None and last > (session.scalar(select(Turn.number)) or 0)


def turn(runtime: Runtime, witness: Witness, *, first: bool) -> None:
    """Count a turn of the clock, after pausing what is open if the database was set back. `first`: since the start."""
    with runtime.db.transaction() as session:
        row = session.scalar(select(Turn).with_for_update()) or Turn(number=0, turned_at=clock.now())
        last = witness.last()
        if last is not None and last > row.number:
            _pause(session, SET_BACK)
            row.number = last
        elif first and row.number and (last is None or _long_back(row, runtime.settings.overdue_after)):
            _pause(session, LONG_BACK, sending_only=True)
        elif not _anything_open(session):
            return
        row.number += 1
        row.turned_at = clock.now()
        session.add(row)
    witness.tell(row.number)


def pause_all(session: Session) -> list[int]:
    """What `db restored` does by hand: every open digest waits for an editor; their numbers."""
    return _pause(session, SET_BACK)


def _anything_open(session: Session) -> bool:
    return session.scalar(select(Digest.id).where(Digest.status == DigestStatus.SENDING).limit(1)) is not None


def _long_back(row: Turn, limit: timedelta) -> bool:
    return clock.now() - row.turned_at > limit


def _pause(session: Session, note: str, *, sending_only: bool = False) -> list[int]:
    statuses = (DigestStatus.SENDING,) if sending_only else _OPEN
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
