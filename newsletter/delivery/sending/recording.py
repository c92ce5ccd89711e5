"""Recording a run: the outcomes of its batch, the pause before the next attempt, and the reasons of refusals."""

from __future__ import annotations

import logging
from collections.abc import Collection

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import insert_ignoring, log_after_commit
from newsletter.core.ids import SubscriberId
from newsletter.delivery.ledger import claims, late_answers, splitting
from newsletter.delivery.ledger.models import Refusal
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.sending import deferral
from newsletter.delivery.sending.active_recipients import lock_present
from newsletter.delivery.sending.batch_run import BatchRun
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.outcomes import REFUSED

log = logging.getLogger(__name__)

DEFERRED_TOO_LONG = "Deferred for too long."


def record_outcomes(session: Session, run: BatchRun) -> bool:
    """Finish the batch with what became of each recipient; False when another worker has it, and nothing is recorded.

    The run stays as it is, so that this can be tried again.
    """
    claim, outcomes, errors = run.claim, Outcomes(run.outcomes), run.errors
    pause = errors.pause
    given_up: Collection[int] = ()
    if outcomes.any_deferred:
        deferred_for = clock.now() - (claim.deferred_since or clock.now())
        if deferred_for > deferral.DEFER_FOR:
            given_up = outcomes.refuse_deferred()
        else:
            pause = max(pause, deferral.pause_before_retry(deferred_for))
    kept = claims.finish_batch(
        session,
        claim,
        outcomes,
        provider_ref=run.provider_ref,
        tracking=run.tracking,
        pause=pause,
        note=errors.note,
        failures=_failures(run),
        pausing_answers=run.pausing_answers.by_subscriber,
    )
    if kept and outcomes.any_in_doubt:
        splitting.split_open(session, claim.batch_id)
    if not kept and not late_answers.record_late(
        session,
        claim,
        outcomes,
        provider_ref=run.provider_ref,
        tracking=run.tracking,
        provider_batch_id=run.provider_batch_id,
    ):
        log_after_commit(session, log).warning(
            "batch %d was claimed by another worker; the answers here count for nothing", claim.batch_id
        )
        return False
    _keep_refusals(session, run, outcomes, given_up)
    if errors.note:
        log_after_commit(session, log).warning(
            "batch %d of digest %d: %s", claim.batch_id, claim.digest_id, errors.note
        )
    return True


def _failures(run: BatchRun) -> int:
    """Failed attempts in a row; one that got on begins the count anew."""
    before = 0 if run.errors.progressed else run.claim.failures
    return before + 1 if run.errors.failed else 0


def _keep_refusals(session: Session, run: BatchRun, outcomes: Outcomes, given_up: Collection[int]) -> None:
    """Keep the reasons, but for subscribers who were erased while the provider answered.

    A recipient who was `given_up` is refused temporarily: a retry finds them.
    """
    reasons = dict.fromkeys(given_up, DEFERRED_TOO_LONG) | run.reasons
    refused = {
        SubscriberId(run.claim.ids[position]): (position, reason)
        for position, reason in reasons.items()
        if outcomes[position] == REFUSED
    }
    present = lock_present(session, list(refused)) if refused else set()
    rows = [
        {
            "digest_id": run.claim.digest_id,
            "subscriber_id": subscriber_id,
            "reason": reason,
            "temporary": position in given_up,
            "about": run.about.get(position, FailureKind.MOMENT),
            "created_at": clock.now(),
        }
        for subscriber_id, (position, reason) in refused.items()
        if subscriber_id in present
    ]
    insert_ignoring(session, Refusal, rows)
