"""Sending one claimed batch: look who is still there, mark, send, write down the outcomes.

No transaction is open while the provider answers.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Database
from newsletter.delivery import control, ledger, recipients, stopping
from newsletter.delivery.ledger import Claim
from newsletter.delivery.letters import Letters
from newsletter.delivery.models import Batch, Refusal
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import DEFERRED, IN_DOUBT, REFUSED, SKIPPED, WAITING, Record
from newsletter.mail.transports.base import Transport
from newsletter.mail.transports.errors import InDoubtError, NotTakenError, RefusedForGoodError

log = logging.getLogger(__name__)

DEFER_FOR = timedelta(hours=72)
"""How long a deferred recipient is tried again before it is refused (RFC 5321 4.5.4.1: 4-5 days; news ages faster)."""
RENEW_EVERY = 1.0
"""Seconds between two renewals of the lease, each of which also keeps the answers so far."""


def send(db: Database, transport: Transport, letters: Letters, claim: Claim) -> None:
    """Send to those of a claimed batch who wait, and write down what became of each."""
    began = time.monotonic()
    outcomes = bytearray(claim.outcomes)
    with db.reading() as session:
        message = _tag(letters.message(session, claim.digest_id, claim.edition), claim)
        todo = _todo(session, claim, outcomes)
    # A request begins while the lease is ours and may then take the transport's deadline.
    lease = ledger.LEASE + transport.deadline
    with db.transaction() as session:
        if not ledger.mark_sending(session, claim, lease):
            ledger.give_back(session, claim)
            return
    sender = _Sender(db, claim, outcomes, [index for index, _ in todo], began, lease)
    pause, note = sender.run(transport, message, [recipient for _, recipient in todo])
    _write_down(db, sender, pause, note)


def _tag(message: Message, claim: Claim) -> Message:
    """The provider's later events name the batch and the attempt; nothing personal."""
    return replace(message, reference=(("batch", str(claim.batch_id)), ("attempt", str(claim.attempt))))


def _todo(session: Session, claim: Claim, outcomes: bytearray) -> list[tuple[int, Recipient]]:
    """Who is to be sent to, with the place in the batch. Who left since the freeze is skipped here."""
    active = recipients.active(session, claim.ids)
    todo = []
    for index, subscriber_id in enumerate(claim.ids):
        if outcomes[index] not in (WAITING, DEFERRED):
            continue
        recipient = active.get(subscriber_id)
        if recipient is None:
            outcomes[index] = SKIPPED
        else:
            todo.append((index, recipient))
    return todo


class _Sender:
    """One run over a batch: keeps the lease while the transport answers, and turns errors into outcomes."""

    def __init__(
        self, db: Database, claim: Claim, outcomes: bytearray, places: list[int], began: float, lease: float
    ) -> None:
        self.db = db
        self.claim = claim
        self.outcomes = outcomes
        self.places = places
        self.record = Record(len(places), self.may_go_on, self.answered)
        self._lease = lease
        self._renewed = began
        self._lost = False

    def run(self, transport: Transport, message: Message, todo: Sequence[Recipient]) -> tuple[timedelta, str | None]:
        """Send; how long to wait before the rest is tried again, and why there is a rest."""
        if not todo:
            return timedelta(0), None
        try:
            transport.send(message, todo, self.record)
        except NotTakenError as error:
            return _pause(self.claim.attempt, error.retry_after), str(error)
        except RefusedForGoodError as error:
            with self.db.transaction() as session:
                control.pause_for_error(session, self.claim.digest_id, str(error))
            return timedelta(0), str(error)
        except InDoubtError as error:
            if not transport.whole:
                # One message in flight, sent again with the same Message-ID, so that nobody is lost.
                return _pause(self.claim.attempt, None), str(error)
            self.record.outcomes = bytearray(ledger.in_doubt(bytes(self.record.outcomes)))
            return timedelta(0), str(error)
        return _pause(self.claim.attempt, None) if DEFERRED in self.record.outcomes else timedelta(0), None

    def may_go_on(self) -> bool:
        """Asked before each request or message. Nobody else can hold the batch while this lease lasts."""
        if self._lost or stopping.asked():
            return False
        if time.monotonic() - self._renewed > RENEW_EVERY:
            return self._renew()
        return True

    def answered(self, index: int) -> None:
        self.outcomes[self.places[index]] = self.record.outcomes[index]

    def final(self) -> bytes:
        for index, place in enumerate(self.places):
            self.outcomes[place] = self.record.outcomes[index]
        return bytes(self.outcomes)

    def refusals(self) -> list[tuple[int, str]]:
        """(subscriber, reason) of everyone refused in this run."""
        ids = self.claim.ids
        return [
            (ids[self.places[index]], reason)
            for index, reason in self.record.reasons.items()
            if self.record.outcomes[index] == REFUSED
        ]

    def _renew(self) -> bool:
        asked = time.monotonic()
        with self.db.transaction() as session:
            kept = ledger.renew(session, self.claim, bytes(self.outcomes), self._lease)
            kept = kept and control.may_send(session, self.claim.digest_id)
        self._renewed = asked
        self._lost = not kept
        return kept and time.monotonic() - asked < ledger.LEASE


def _write_down(db: Database, sender: _Sender, pause: timedelta, note: str | None) -> None:
    outcomes = sender.final()
    refusals = sender.refusals()
    with db.transaction() as session:
        if DEFERRED in outcomes:
            created = session.scalars(select(Batch.created_at).where(Batch.id == sender.claim.batch_id)).one()
            if clock.now() - created > DEFER_FOR:
                refusals += [
                    (i, "Deferred for too long.")
                    for i, o in zip(sender.claim.ids, outcomes, strict=True)
                    if o == DEFERRED
                ]
                outcomes = outcomes.replace(bytes([DEFERRED]), bytes([REFUSED]))
        kept = ledger.finish(
            session, sender.claim, outcomes, provider_ref=sender.record.provider_ref, pause=pause, note=note
        )
        if not kept:
            log.warning(
                "batch %d was taken by another worker; its answers here count for nothing", sender.claim.batch_id
            )
            return
        _keep_reasons(session, sender.claim, refusals)
    if IN_DOUBT in outcomes:
        log.warning("batch %d of digest %d is in doubt: %s", sender.claim.batch_id, sender.claim.digest_id, note)


def _keep_reasons(session: Session, claim: Claim, refusals: list[tuple[int, str]]) -> None:
    if not refusals:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    rows = [
        {"digest_id": claim.digest_id, "subscriber_id": subscriber_id, "reason": reason, "created_at": clock.now()}
        for subscriber_id, reason in refusals
    ]
    session.execute(insert(Refusal).on_conflict_do_nothing(), rows)


def _pause(attempt: int, retry_after: float | None) -> timedelta:
    """Doubling from 2 s to 15 min, with jitter; never sooner than the provider asked."""
    seconds = min(2.0 * 2 ** min(attempt - 1, 10), 900.0) * random.uniform(0.8, 1.2)  # noqa: S311
    return timedelta(seconds=max(seconds, retry_after or 0.0))
