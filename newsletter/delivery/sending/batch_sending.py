"""Sending one claimed batch: prepare it, mark it as sending, send it.

No transaction is open while the provider answers.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from sqlalchemy.exc import DBAPIError

from newsletter.core.actors import WORKER
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.claims import Claim
from newsletter.delivery.sending import failures, scheduled_sends
from newsletter.delivery.sending.batch_run import BatchRun
from newsletter.delivery.sending.preparing import LONGEST_SLEEP, prepare_batch, reserve_request
from newsletter.delivery.sending.sending_context import SendingContext
from newsletter.mail.transports.errors import NotAcceptedError, RefusedForGoodError

log = logging.getLogger(__name__)


def send_batch(context: SendingContext, claim: Claim) -> BatchRun | None:
    """Send to the open recipients of a claimed batch; the run, for `record_outcomes`.

    None when nothing was sent: the batch is released already, and the digest paused if it cannot be sent like this.
    """
    try:
        return _send(context, claim)
    except DBAPIError:
        raise
    except NotAcceptedError as error:
        _release(context, claim, error.retry_after or LONGEST_SLEEP)
    except RefusedForGoodError as error:
        failures.pause_for_error(context.db, claim.digest_id, str(error), by=WORKER)
        _release(context, claim)
    except Exception as error:
        log.exception("batch %d of digest %d", claim.batch_id, claim.digest_id)
        failures.pause_for_unforeseen(context.db, claim.digest_id, error, by=WORKER)
        _release(context, claim)
    return None


def _send(context: SendingContext, claim: Claim) -> BatchRun | None:
    began = time.monotonic()
    scheduled_sends.require_its_time(context.transport, claim)
    batch = prepare_batch(context, claim)
    batch = reserve_request(context, batch)
    run = BatchRun(context, batch, began)
    if not run.mark_sending():
        return None
    run.send()
    return run


def _release(context: SendingContext, claim: Claim, seconds: float = 0.0) -> None:
    with context.db.transaction() as session:
        claims.release_batch(session, claim, timedelta(seconds=seconds))
