"""Sending one claimed batch: look who is still there, mark, send, write down the outcomes.

No transaction is open while the provider answers.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.core import clock, shutdown
from newsletter.delivery.ledger import control, outcome_bytes, transitions
from newsletter.delivery.ledger.models import Refusal, digest_key
from newsletter.delivery.ledger.transitions import Claim
from newsletter.delivery.sending import recipients, scheduled_sends
from newsletter.delivery.sending.batch_run import LONGEST_SLEEP, BatchRun
from newsletter.delivery.sending.context import SendingContext
from newsletter.delivery.sending.progress_files import batch_name
from newsletter.delivery.sending.rates import Allowance
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, SKIPPED, WAITING
from newsletter.mail.transports.errors import NotTakenError, RefusedForGoodError

log = logging.getLogger(__name__)

DEFER_FOR = timedelta(hours=72)
"""How long a deferred recipient is tried again before it is refused (RFC 5321 4.5.4.1: 4-5 days; news ages faster)."""
DEFER_PAUSE = (timedelta(minutes=1), timedelta(hours=1))
"""The shortest and the longest pause between two tries; in between, half of the time since the first deferral."""


def send_batch(kit: SendingContext, claim: Claim) -> BatchRun | None:
    """Send to those of a claimed batch who wait. What became of each is in the run, for `write_down`; None when nothing
    was sent and the batch is given back already.
    """
    began = time.monotonic()
    outcomes = bytearray(claim.outcomes)
    with kit.db.reading() as session:
        message = _tag(kit.letters.message(session, claim.digest_id, claim.edition), claim)
        _recall(kit, claim, message, outcomes)
        todo = _todo(session, claim, outcomes)
    if kit.transport.all_or_nothing and todo:
        grant = _grant(kit, len(todo))
        if not grant.granted:
            _put_back(kit, claim, grant.wait)
            return None
        todo = todo[: grant.granted]
        try:
            message = scheduled_sends.with_provider_schedule(kit.transport, message, claim)
        except NotTakenError as error:
            _put_back(kit, claim, error.retry_after or LONGEST_SLEEP)
            return None
        except RefusedForGoodError as error:
            with kit.db.transaction() as session:
                control.pause_for_error(session, claim.digest_id, str(error))
                transitions.release_batch(session, claim)
            return None
    with kit.db.transaction() as session:
        # Read like this if this worker does not live to write down the answer.
        places = [recipient.place for recipient in todo] if kit.transport.all_or_nothing else []
        ahead = outcome_bytes.assume_in_doubt(outcomes, places)
        lease = transitions.lease_seconds(kit.transport)
        if not transitions.mark_sending(
            session, claim, ahead, lease, provider_batch_id=message.provider_batch_id or None
        ):
            transitions.release_batch(session, claim)
            return None
    run = BatchRun(kit, claim, message, outcomes, began)
    run.send(todo)
    return run


def record_outcomes(session: Session, run: BatchRun) -> None:
    """Finish the batch with what became of each recipient. Call `run.tidy` after the commit."""
    claim = run.claim
    pause = run.pause
    if DEFERRED in run.outcomes:
        since = clock.now() - (claim.deferred_since or clock.now())
        if since > DEFER_FOR:
            run.give_up_deferred()
        else:
            pause = max(pause, _defer_pause(since))
    kept = transitions.finish_batch(
        session,
        claim,
        bytes(run.outcomes),
        provider_ref=run.provider_ref,
        pause=pause,
        note=run.note,
        failed=run.failed,
    )
    if kept:
        _keep_reasons(session, run)
    if not kept:
        log.warning("batch %d was taken by another worker; its answers here count for nothing", claim.batch_id)
    elif run.note:
        log.warning("batch %d of digest %d: %s", claim.batch_id, claim.digest_id, run.note)


def _recall(kit: SendingContext, claim: Claim, message: Message, outcomes: bytearray) -> None:
    """What a killed worker on this machine knew and could not tell the ledger any more."""
    if claim.attempt > 1 and not kit.transport.all_or_nothing:
        for place in kit.positions.recall(batch_name(claim.batch_id, message.id_salt)):
            if place < len(outcomes) and outcomes[place] in (WAITING, DEFERRED):
                outcomes[place] = ACCEPTED


def _tag(message: Message, claim: Claim) -> Message:
    """The provider's later events name the batch and the attempt; nothing personal."""
    letter = digest_key(message.id_salt)
    reference = (("batch", str(claim.batch_id)), ("attempt", str(claim.attempt)), ("letter", letter))
    return replace(message, reference=reference)


def _todo(session: Session, claim: Claim, outcomes: bytearray) -> list[Recipient]:
    """Who is to be sent to. Who left since the freeze is skipped here."""
    active = recipients.active_recipients(session, claim.ids)
    todo = []
    for place, subscriber_id in enumerate(claim.ids):
        if outcomes[place] not in (WAITING, DEFERRED):
            continue
        found = active.get(subscriber_id)
        if found is None:
            outcomes[place] = SKIPPED
        else:
            todo.append(Recipient(subscriber_id, found[0], found[1], place))
    return todo


def _grant(kit: SendingContext, wanted: int) -> Allowance:
    """How many of a batch may leave; a short wait is slept through."""
    grant = kit.grant(wanted)
    if not grant.granted and grant.wait <= LONGEST_SLEEP and not shutdown.wait(grant.wait):
        grant = kit.grant(wanted)
    return grant


def _put_back(kit: SendingContext, claim: Claim, seconds: float) -> None:
    with kit.db.transaction() as session:
        transitions.release_batch(session, claim, timedelta(seconds=seconds))


def _defer_pause(since: timedelta) -> timedelta:
    shortest, longest = DEFER_PAUSE
    return min(max(since / 2, shortest), longest) * random.uniform(0.9, 1.1)  # noqa: S311


def _keep_reasons(session: Session, run: BatchRun) -> None:
    """For those who are still there: a reader may have been erased while the provider answered."""
    refusals = [(run.claim.ids[place], place, reason) for place, reason in run.refusals()]
    kept = recipients.lock_present(session, [reader for reader, _, _ in refusals]) if refusals else set()
    rows = [
        {
            "digest_id": run.claim.digest_id,
            "subscriber_id": reader,
            "reason": reason,
            "temporary": place in run.given_up,
            "created_at": clock.now(),
        }
        for reader, place, reason in refusals
        if reader in kept
    ]
    if rows:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(insert(Refusal).on_conflict_do_nothing(), rows)
