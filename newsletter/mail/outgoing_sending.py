"""Sending what waits in the outgoing table: many mails of a kind are one message to many recipients.

A mail's own parts are its address and the token of its link, so mails of one kind, language and format go out together:
over one connection, or in one request. The transactions are short: none is open while the provider answers.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import DBAPIError

from newsletter.core import clock, shutdown
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.mail import outgoing_composing, outgoing_mails, return_path
from newsletter.mail.failures.verdicts import FailureKind
from newsletter.mail.mail_types import MailTypes
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, REFUSED, SendResult
from newsletter.mail.outgoing_mails import MailClaim, Postponed
from newsletter.mail.transports.base import NOT_AN_ADDRESS, Transport
from newsletter.mail.transports.errors import CutOffError, InDoubtError, RefusedForGoodError, TransportError

log = logging.getLogger(__name__)

TOGETHER = 100
"""Mails that are claimed at a time."""
RECORD_EVERY = 1.0
"""Seconds between two times at which accepted mails are recorded: a worker that is killed repeats no more."""
MOST_FAILURES = 3
"""Failures in a row, each about one mail, after which the rest waits too: then it is not about the mails."""


@dataclass
class SentMails:
    """The claims of one call, by what became of them."""

    claimed: int
    deleted: list[MailClaim] = field(default_factory=list)
    """Their rows are gone: accepted, refused, given up, or nothing to send any more."""
    error: Exception | None = None
    """An unforeseen error about some of them."""


@dataclass(frozen=True)
class _Group:
    """Mails that share all but address and token, each address once."""

    message: Message
    claims: list[MailClaim]
    recipients: list[Recipient]


def send_due(
    db: Database,
    settings: Settings,
    transport: Transport,
    mail_types: MailTypes,
    before_delete: Callable[[Sequence[MailClaim]], None] = lambda claims: None,
) -> SentMails:
    """Claim and send up to TOGETHER mails that are due. `before_delete` gets those whose rows are deleted, before the
    commit."""
    lease = transport.silence * 2
    with db.reading() as session:
        if not outgoing_mails.mails_wait(session):
            return SentMails(0)
    claimed_at = time.monotonic()
    with db.transaction() as session:
        claims = outgoing_mails.claim_mails(session, lease, TOGETHER)
    if not claims:
        return SentMails(0)
    record = _Record(db, claims, lease, claimed_at, before_delete)
    errors: list[Exception] = []
    try:
        for group in _groups(_composed(db, settings, mail_types, record, errors), transport):
            if shutdown.requested():
                break
            _send_group(transport, group, record, errors)
    finally:  # also after an error of the database: else readers would wait for the leases to end
        record.write(release=True)
    record.sent.error = next(iter(errors), None)
    return record.sent


class _Record:
    """The result of each claim, until it is written into the table."""

    def __init__(
        self,
        db: Database,
        claims: list[MailClaim],
        lease: float,
        claimed_at: float,
        before_delete: Callable[[Sequence[MailClaim]], None],
    ) -> None:
        self._db, self._lease, self._before_delete = db, lease, before_delete
        self.open = {claim.id: claim for claim in claims}
        self._ended: list[MailClaim] = []
        self._postponed: list[Postponed] = []
        self._renewed = self._written = claimed_at
        self._is_lost = False
        """Whether a lease was over before it was renewed, and the mail has gone to another worker."""
        self.sent = SentMails(len(claims))

    def may_continue(self) -> bool:
        """Whether the next mail may be sent: nobody has asked this process to stop, and no other worker has a mail."""
        self.keep_leases()
        return not shutdown.requested() and not self._is_lost and time.monotonic() - self._renewed < self._lease

    def keep_leases(self) -> None:
        """Renew the leases once a third of their time is over, and record the mails that need none any more. If the
        database fails, the next call tries again."""
        began = time.monotonic()
        if began - self._renewed < self._lease / 3:
            return
        with suppress(DBAPIError):
            self.write()
            with self._db.transaction() as session:
                self._is_lost = not outgoing_mails.renew(session, self.open.values(), self._lease)
            self._renewed = began

    def end(self, claim: MailClaim) -> None:
        """The mail was sent, or nobody needs it. Written down at once if the last time is a while ago."""
        if self.open.pop(claim.id, None) is not None:
            self._ended.append(claim)
        if time.monotonic() - self._written > RECORD_EVERY:
            with suppress(DBAPIError):
                self.write()

    def postpone(self, claim: MailClaim, note: str, retry_after: float | None = None) -> None:
        """The mail goes later."""
        if self.open.pop(claim.id, None) is not None:
            self._postponed.append(Postponed(claim, note, retry_after))

    def write(self, *, release: bool = False) -> None:
        """Write it down; `release` gives back what was not tried."""
        with self._db.transaction() as session:
            outgoing_mails.drop(session, self._ended)
            given_up = outgoing_mails.postpone(session, self._postponed)
            if release:
                outgoing_mails.release(session, self.open.values())
            deleted = [*self._ended, *given_up]
            self._before_delete(deleted)
        self.sent.deleted += deleted
        self._ended, self._postponed, self._written = [], [], time.monotonic()


def _composed(
    db: Database, settings: Settings, mail_types: MailTypes, record: _Record, errors: list[Exception]
) -> list[tuple[MailClaim, Message, Recipient]]:
    """Compose the open mails. One that always fails is tried later, and not each minute for ever."""
    claims = list(record.open.values())
    found = []
    with db.reading() as session:
        mails = outgoing_composing.compose_rows(session, settings, mail_types, claims)
        for claim, mail in zip(claims, mails, strict=True):
            if isinstance(mail, Exception):
                record.postpone(claim, _note(mail))
                errors.append(mail)
            elif mail is None:
                record.end(claim)
            else:
                found.append((claim, mail[0], _with_return_path(mail[1], settings, claim)))
    return found


def _groups(composed: list[tuple[MailClaim, Message, Recipient]], transport: Transport) -> Iterator[_Group]:
    """The mails by message, each address once in a group: SendGrid takes none twice in a request.

    Where all are refused together, a mail that failed before goes alone: it may be the reason.
    """
    groups: dict[tuple[int, int, int], _Group] = {}
    seen: Counter[tuple[int, str]] = Counter()
    for claim, message, recipient in composed:
        alone = claim.id if transport.all_or_nothing and claim.attempt > 1 else 0
        address = (id(message), recipient.address.lower())
        group = groups.setdefault((id(message), seen[address], alone), _Group(message, [], []))
        seen[address] += 1
        group.claims.append(claim)
        group.recipients.append(recipient)
    yield from groups.values()


def _send_group(transport: Transport, group: _Group, record: _Record, errors: list[Exception]) -> None:
    """Send a group and note the answers. After a stop, those who still wait stay open."""

    def answered(index: int) -> None:
        if result.outcomes[index] == ACCEPTED:
            record.end(group.claims[index])

    result = SendResult(len(group.claims), record.may_continue, answered, record.keep_leases)
    error: Exception | None
    try:
        error = _send_on(transport, replace(group.message, date=clock.now()), group.recipients, result)
    except Exception as unforeseen:  # noqa: BLE001 - the caller learns of it at the end
        errors.append(error := unforeseen)
    for index, claim in enumerate(group.claims):
        outcome, reason = result.outcomes[index], result.reasons.get(index, "")
        if outcome == ACCEPTED or (outcome == REFUSED and _is_about_recipient(result, index)):
            if outcome == REFUSED:
                log.warning("%s mail %d was refused: %s", claim.kind, claim.id, reason)
            record.end(claim)
        elif outcome in (DEFERRED, REFUSED):
            record.postpone(claim, reason)
        elif error is not None:
            record.postpone(claim, _note(error), getattr(error, "retry_after", None))


def _send_on(
    transport: Transport, message: Message, recipients: list[Recipient], result: SendResult
) -> TransportError | None:
    """Send to all, past failures that are about one recipient. The error that stopped it, if one did."""
    failures = 0
    while waiting := result.waiting():
        try:
            transport.send(message, recipients, result)
        except TransportError as error:
            failures = failures + 1 if result.waiting() == waiting else 1
            about_one = isinstance(error, InDoubtError | CutOffError | RefusedForGoodError)
            if transport.all_or_nothing or not about_one or failures >= MOST_FAILURES:
                return error
            result.deferred(result.waiting()[0], str(error))
        else:
            break
    return None


def _note(error: Exception) -> str:
    """The words to keep of an error; those of an unforeseen one may hold an address."""
    return str(error) if isinstance(error, TransportError) else f"Unforeseen error: {type(error).__name__}."


def _is_about_recipient(result: SendResult, index: int) -> bool:
    """Whether a refusal is final: the mailbox is not there, or no mail can be sent to this address. Any other may be
    about us, and a mail that a reader waits for is kept."""
    return result.about[index] is FailureKind.MAILBOX or result.reasons[index] == NOT_AN_ADDRESS


def _with_return_path(recipient: Recipient, settings: Settings, claim: MailClaim) -> Recipient:
    """The recipient with a return path of the mail's own, if there is a subscriber whom a bounce can be about."""
    if not settings.return_path_domain or claim.subscriber_id is None:
        return recipient
    key = return_path.return_path_key(settings.suppression_key)
    address = return_path.signed_mail_address(
        key, settings.return_path_domain, claim.subscriber_id, recipient.address, clock.now()
    )
    return recipient._replace(bounce_address=address)
