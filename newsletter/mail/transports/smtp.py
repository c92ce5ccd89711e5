"""SMTP: one message for each recipient, each with an answer of its own, over a kept connection."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from itertools import islice

from newsletter.mail.encoding import Encoded, Encoder, encode
from newsletter.mail.failures.judging import judge_smtp
from newsletter.mail.failures.verdicts import FailureKind, Verdict
from newsletter.mail.headers import wire_address
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.tracking import Tracking
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import CutOffError, NotAcceptedError, RefusedForGoodError
from newsletter.mail.transports.smtp_replies import ClosedError, GoodbyeError, SmtpReply
from newsletter.mail.transports.smtp_session import SmtpMessage, SmtpSession
from newsletter.mail.transports.smtp_url import read_url

MADE_AHEAD = 32
"""Messages that are made at a time."""


class SmtpTransport:
    """The mail server at SMTP_URL; ConfigurationError when that is not valid.

    `timeout`: seconds for a connection, and for each answer but that to a whole message. `deadline`: seconds for one
    whole call, and so for that answer (RFC 5321 4.5.3.2.6 asks for 10 minutes). A message begins only in the first half
    of them. Otherwise a server that is slow, but answers, would be left at the end with a message in flight, which is
    then sent twice. The rest is left waiting. `context`: the certificates to trust, by default the system's.
    """

    name = "smtp"
    all_or_nothing = False
    idempotent = False
    unrecorded_tracking = Tracking.NOT_OFFERED

    def __init__(
        self,
        url: str,
        timeout: float = 30.0,
        deadline: float = 600.0,
        context: ssl.SSLContext | None = None,
        encoder: Encoder = encode,
    ) -> None:
        self._server = read_url(url)
        self._timeout = timeout
        self.deadline = deadline
        self.silence = timeout
        self._context = context
        self._encode = encoder
        self._session: SmtpSession | None = None
        self._in_groups = self._server.pipelining

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        """See Transport.send."""
        messages = _made_ahead(_messages(message, self._encode(message), recipients, result))
        with Deadline(self.deadline) as deadline:
            if self._session is not None:
                self._session.use(deadline, result.keep_alive)
            try:
                current, following = next(messages, None), next(messages, None)
                while current is not None and self._may_begin(deadline):
                    is_new = self._session is None
                    session = self._session or self._connect(deadline, result)
                    if not result.may_continue():  # asked after the connecting, which may take a while
                        break
                    result.requested(Tracking.NOT_OFFERED)
                    answer = self._deliver(session, current, following, is_new=is_new)
                    if answer is not None:
                        _record(answer, current.number, result)
                        current, following = following, next(messages, None)
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

    def _may_begin(self, deadline: Deadline) -> bool:
        return not deadline.passed and deadline.remaining() > self.deadline / 2

    def _deliver(
        self, session: SmtpSession, message: SmtpMessage, following: SmtpMessage | None, *, is_new: bool
    ) -> SmtpReply | None:
        """Deliver one message. None when the server has closed the kept connection: a new one is tried at once.

        Groups are given up when they seem to be the reason: some servers, and boxes before them, offer them and lose
        commands that came together.
        """
        try:
            return session.deliver(message, following)
        except ClosedError as error:
            self._drop()
            if session.in_groups and not session.groups_work and not isinstance(error, GoodbyeError):
                self._in_groups = False
            elif is_new:
                raise CutOffError(
                    "smtp.closed", "The mail server closed the connection before it had taken a message."
                ) from None
        return None

    def _connect(self, deadline: Deadline, result: SendResult) -> SmtpSession:
        if deadline.passed:
            raise NotAcceptedError(
                "smtp.too_slow",
                "The mail server did not answer within %(seconds)s seconds.",
                seconds=f"{self.deadline:g}",
            )
        with Deadline(min(self._timeout, deadline.remaining())) as opening:
            session = SmtpSession(self._server, self._context, self._timeout, opening, in_groups=self._in_groups)
        session.use(deadline, result.keep_alive)
        self._session = session
        return session

    def _drop(self) -> None:
        if self._session is not None:
            self._session.drop()
            self._session = None


def _messages(
    message: Message, encoded: Encoded, recipients: Sequence[Recipient], result: SendResult
) -> Iterator[SmtpMessage]:
    """A message for each waiting recipient. An address that no server can be told is refused."""
    for index in result.waiting():
        recipient = recipients[index]
        try:
            address = wire_address(recipient.address)
        except ValueError:
            result.refused(index, NOT_AN_ADDRESS)
        else:
            sender = wire_address(message.envelope_sender(recipient))
            yield SmtpMessage.of(index, sender, address, encoded.pieces(recipient))


def _made_ahead(messages: Iterator[SmtpMessage]) -> Iterator[SmtpMessage]:
    """Make some messages at a time: one made right after each answer costs several times as much, since the processor's
    caches are cold (measured)."""
    while some := list(islice(messages, MADE_AHEAD)):
        yield from some


def _record(answer: SmtpReply, index: int, result: SendResult) -> None:
    """Record an answer. Raises RefusedForGoodError when it is about us: then the recipient keeps waiting."""
    if answer.yes:
        result.accepted(index)
        return
    verdict = judge_smtp(answer.code, answer.text)
    if answer.code < 500:
        result.deferred(index, str(answer))
    elif verdict.kind is FailureKind.US:
        raise RefusedForGoodError(
            "smtp.about_us",
            "The mail server refuses our mail: %(answer)s.",
            answer=answer,
            at_recipient=str(answer),
        )
    elif verdict.kind is FailureKind.MOMENT and _is_full(answer, verdict):
        result.deferred(index, str(answer))
    else:
        result.refused(index, str(answer), verdict.kind)


def _is_full(answer: SmtpReply, verdict: Verdict) -> bool:
    """Whether a 5xx says that the mailbox is full for now: such an answer is not final, whatever its code."""
    return answer.code == 552 or verdict.code.endswith(".2.2")
