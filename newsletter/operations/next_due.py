"""The next moment at which the clock has something to do, by two statements that read indexes.

They are made once, and asked without a session: an idle clock does little else, and no longer shares whatever it runs
with other processes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, ScalarSelect, SQLColumnExpression, bindparam, exists, func, or_, select

from newsletter.core import clock
from newsletter.core.db import UtcDateTime, epoch_now
from newsletter.delivery.events import webhook_deliveries
from newsletter.delivery.ledger.models import Batch, BatchState
from newsletter.delivery.sending.scheduled_sends import AHEAD
from newsletter.digests.models import Digest, DigestStatus
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.models import SignupRequest

OVERLOOKED_AFTER = timedelta(seconds=2)
"""A sign-up that has waited for so long has no job: the site queues one at once, and then it waits for a fifth of a
second. A tick beside each look, while readers sign up, was a tenth of all CPU (measured)."""
_BUSY = (BatchState.CLAIMED, BatchState.SENDING)
_OPEN_AT_PROVIDER = select(Digest.id).where(Digest.provider_schedule, Digest.status != DigestStatus.SENT)


def seconds_until_due(connection: Connection) -> float | None:
    """Seconds until the clock's next work, as far as it is known; at most 0 when there is some now, None when there is
    none. While workers have batches, there is some: the clock watches their leases.
    """
    now = clock.now()
    if connection.scalar(_IS_BUSY, {_NOW.key: now}):
        return 0.0
    scheduled, ahead, batch, mail, lease, signup = connection.execute(_NEXT).one()
    planned = (scheduled, ahead and ahead - AHEAD, batch, mail, signup and signup + OVERLOOKED_AFTER)
    moments: list[datetime] = [each for each in planned if each is not None]
    found = [(moment - now).total_seconds() for moment in moments]
    return min([*found, lease] if lease is not None else found, default=None)


def _earliest(column: SQLColumnExpression[Any], *conditions: SQLColumnExpression[bool]) -> ScalarSelect[Any]:
    return select(func.min(column)).where(*conditions).scalar_subquery()


_EARLIEST_CLAIM = func.coalesce(Batch.not_before, Batch.created_at)
_OF_SENDING_DIGEST = Batch.digest_id.in_(select(Digest.id).where(Digest.status == DigestStatus.SENDING))
"""Whether the batch's digest is: a paused one is never due."""

_NOW = bindparam("now", type_=UtcDateTime())

_IS_BUSY = select(
    or_(
        exists().where(Batch.state.in_(_BUSY)),
        # Found by digest: the table of batches is large, and has no index of this flag.
        exists().where(Batch.withdrawing, Batch.digest_id.in_(_OPEN_AT_PROVIDER)),
        exists().where(webhook_deliveries.is_open(_NOW)),
    )
)
_NEXT = select(
    _earliest(Digest.scheduled_at, Digest.status == DigestStatus.SCHEDULED, ~Digest.provider_schedule),
    _earliest(Digest.scheduled_at, Digest.status == DigestStatus.SCHEDULED, Digest.provider_schedule),
    _earliest(_EARLIEST_CLAIM, Batch.state == BatchState.READY, _OF_SENDING_DIGEST),
    _earliest(func.coalesce(OutgoingMail.not_before, OutgoingMail.created_at), OutgoingMail.lease_until.is_(None)),
    _earliest(OutgoingMail.lease_until - epoch_now(), OutgoingMail.lease_until.is_not(None)),
    select(SignupRequest.requested_at).order_by(SignupRequest.id).limit(1).scalar_subquery(),
)
