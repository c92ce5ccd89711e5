"""The provider schedule: SendGrid gets a batch ahead of its time, under a name by which it can be withdrawn.

A batch in doubt is withdrawn at SendGrid and sent again under a new name, so that nobody has to decide anything. The
batches of a digest that is paused or cancelled before its time are withdrawn too. SendGrid cancels up to 10 minutes
before the time (twilio.com/docs/sendgrid, scheduling parameters): it gets a batch 30 minutes ahead, and at least 15.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta

from newsletter.core import clock, shutdown
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.ids import BatchId
from newsletter.delivery.ledger import withdrawal
from newsletter.delivery.ledger.claims import Claim
from newsletter.mail.message import Message
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import ProviderScheduling, Transport
from newsletter.mail.transports.errors import NotAcceptedError, RefusedForGoodError

log = logging.getLogger(__name__)

AHEAD = timedelta(minutes=30)
"""How long before its time a digest is frozen and given to SendGrid."""
AT_LEAST = timedelta(minutes=15)
"""With less time to go, a batch in doubt might not be withdrawn in time: then it gets its time, but no name."""
MOST = 10
"""Batches that one tick of the clock withdraws at most."""
WITHDRAW_FOR = 5.0
"""Seconds that a tick may take for it."""


def require_its_time(transport: Transport, claim: Claim) -> None:
    """Raise NotAcceptedError for mail that the provider was to keep until its time, when another transport is set by
    now, which would send it at once."""
    if claim.send_at is None or isinstance(transport, ProviderScheduling):
        return
    seconds = (claim.send_at - clock.now()).total_seconds()
    if seconds > 0:
        raise NotAcceptedError("schedule.not_yet", "The time of this mail has not come.", retry_after=seconds)


def with_provider_schedule(transport: Transport, message: Message, claim: Claim) -> Message:
    """The message with its time and a new name, if its digest has a provider schedule and there is enough time.

    Raises TransportError when SendGrid gives no name.
    """
    if claim.send_at is None or claim.send_at <= clock.now() or not isinstance(transport, ProviderScheduling):
        return message
    if claim.provider_batch_id:  # SendGrid has a part of the batch already: one name withdraws all of it
        return replace(message, send_at=claim.send_at, provider_batch_id=claim.provider_batch_id)
    if claim.send_at - clock.now() < AT_LEAST:
        return replace(message, send_at=claim.send_at)
    return replace(message, send_at=claim.send_at, provider_batch_id=transport.reserve_batch_id())


def withdraw_batches(db: Database, settings: Settings) -> int:
    """Withdraw batches in doubt, and those of digests that are paused or cancelled, at SendGrid; how many.

    A tick withdraws a few. SendGrid keeps ten cancellations at a time, so after a refusal it is asked again only later.
    When another transport is set by now, nobody can be asked: what was begun is given up at its time.
    """
    with db.transaction() as session:
        withdrawal.give_up_late_withdrawals(session)
        batches = withdrawal.batches_to_withdraw(session, MOST)
    if not batches or settings.mail_transport != "sendgrid":
        return 0
    transport = open_transport(settings)
    assert isinstance(transport, ProviderScheduling)
    count = 0
    end = time.monotonic() + WITHDRAW_FOR
    for batch_id, provider_batch_id in batches:
        if shutdown.requested() or time.monotonic() > end:
            break
        with db.transaction() as session:
            if not withdrawal.begin_withdrawal(session, batch_id, provider_batch_id):
                continue
        if not _cancel_at_provider(db, transport, batch_id, provider_batch_id):
            break
        with db.transaction() as session:
            count += withdrawal.complete_withdrawal(session, batch_id, provider_batch_id)
    return count


def _cancel_at_provider(db: Database, transport: ProviderScheduling, batch_id: BatchId, provider_batch_id: str) -> bool:
    """Whether SendGrid cancelled it. Without an answer the withdrawal stays begun, and the next tick asks again."""
    try:
        transport.cancel_batch(provider_batch_id)
    except RefusedForGoodError as error:
        log.warning("batch %d cannot be withdrawn: %s", batch_id, error)
        with db.transaction() as session:
            withdrawal.refuse_withdrawal(session, batch_id)
        return False
    except NotAcceptedError as error:
        log.warning("batch %d cannot be withdrawn yet: %s", batch_id, error)
        return False
    return True
