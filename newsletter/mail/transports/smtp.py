"""SMTP: one message for each recipient, each with an answer of its own, over a connection that is kept."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from itertools import islice

from newsletter.mail.encoding import Encoded, Encoder, encode
from newsletter.mail.headers import wire_address
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import NotTakenError
from newsletter.mail.transports.smtp_replies import ClosedError, GoodbyeError, SmtpReply
from newsletter.mail.transports.smtp_session import SmtpMessage, SmtpSession
from newsletter.mail.transports.smtp_url import read_url

HANDFUL = 32
"""Messages that are made at a time."""


class SmtpTransport:
    """A mail server, as SMTP_URL names it; ConfigurationError when it does not.

    `timeout`: seconds for each answer. `deadline`: seconds for all of one call. A message is begun in the first half of
    them alone: else a server that is slow, but answers, would be left at the end with a message in flight, which is
    then sent twice. The rest is left waiting. `context`: what certificates are checked against, by default those
    that the system trusts. InDoubtError concerns the one message in flight, the first that is still waiting.
    """

    name = "smtp"
    all_or_nothing = False
    idempotent = False

    def __init__(
        self,
        url: str,
        timeout: float = 30.0,
        deadline: float = 60.0,
        context: ssl.SSLContext | None = None,
        encoder: Encoder = encode,
    ) -> None:
        self._server = read_url(url)
        self._timeout = timeout
        self.deadline = deadline
        self._context = context
        self._encode = encoder
        self._session: SmtpSession | None = None
        self._in_groups = self._server.pipelining

    def send(self, message: Message, recipients: Sequence[Recipient], record: SendResult) -> None:
        """See Transport.send."""
        letters = _in_handfuls(_letters(message, self._encode(message), recipients, record))
        with Deadline(self.deadline) as deadline:
            if self._session is not None:
                self._session.use(deadline)
            try:
                letter = next(letters, None)
                while letter is not None and self._begins(deadline) and record.may_continue():
                    following = next(letters, None)
                    _note(self._deliver(letter, following, deadline), letter.place, record)
                    letter = following
            except BaseException:
                self._drop()
                raise
        if self._session is not None and self._session.ahead:
            self._drop()  # the server waits for a message that must not be sent now

    def close(self) -> None:
        """Say goodbye to the server, if there is a connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _begins(self, deadline: Deadline) -> bool:
        return not deadline.passed and deadline.left() > self.deadline / 2

    def _deliver(self, letter: SmtpMessage, following: SmtpMessage | None, deadline: Deadline) -> SmtpReply:
        """Over the kept connection; over a new one when the server has closed that one; and without groups when they
        seem to be the reason: there are servers, and boxes before them, that offer them and lose what came together.
        """
        kept = self._session
        session = self._session = kept or self._connect(deadline)
        try:
            return session.deliver(letter, following)
        except ClosedError as error:
            self._drop()
            if session.in_groups and not session.groups_work and not isinstance(error, GoodbyeError):
                self._in_groups = False
            elif kept is None:
                raise NotTakenError("The mail server closed the connection before it had taken a message.") from None
        return self._deliver(letter, following, deadline)

    def _connect(self, deadline: Deadline) -> SmtpSession:
        if deadline.passed:
            raise NotTakenError(f"The mail server did not answer within {self.deadline:g} seconds.")
        return SmtpSession(self._server, self._context, self._timeout, deadline, in_groups=self._in_groups)

    def _drop(self) -> None:
        if self._session is not None:
            self._session.drop()
            self._session = None


def _letters(
    message: Message, encoded: Encoded, recipients: Sequence[Recipient], record: SendResult
) -> Iterator[SmtpMessage]:
    """For everyone who is waiting, but for those whose address no server could be told: they are refused."""
    for index in record.waiting():
        recipient = recipients[index]
        try:
            address = wire_address(recipient.address)
        except ValueError:
            record.refused(index, NOT_AN_ADDRESS)
        else:
            sender = wire_address(message.envelope_sender(recipient))
            yield SmtpMessage.of(index, sender, address, encoded.pieces(recipient))


def _in_handfuls(letters: Iterator[SmtpMessage]) -> Iterator[SmtpMessage]:
    """Some are made ahead: right after an answer has come, the processor has forgotten how, and each would cost several
    times as much (measured)."""
    while handful := list(islice(letters, HANDFUL)):
        yield from handful


def _note(answer: SmtpReply, index: int, record: SendResult) -> None:
    if answer.yes:
        record.accepted(index)
    elif answer.code < 500:
        record.deferred(index, f"{answer.code} {answer.text}")
    else:
        record.refused(index, f"{answer.code} {answer.text}")
