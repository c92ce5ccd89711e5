"""SMTP: one message for each recipient, each with an answer of its own, over a connection that is kept."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from newsletter.mail.encoding import encode
from newsletter.mail.headers import wire_address
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import Record
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import NotTakenError
from newsletter.mail.transports.smtp_session import Answer, ClosedError, Session
from newsletter.mail.transports.smtp_url import read_url


class SmtpTransport:
    """A mail server, as SMTP_URL names it; ConfigurationError when it does not.

    `timeout`: seconds for each answer. `deadline`: seconds for all of one call; when it is over between two messages,
    the call returns and leaves the rest waiting. `context`: what certificates are checked against, by default those
    that the system trusts. InDoubtError concerns the one message in flight, the first that is still waiting.
    """

    name = "smtp"
    whole = False
    repeatable = False

    def __init__(
        self, url: str, timeout: float = 30.0, deadline: float = 60.0, context: ssl.SSLContext | None = None
    ) -> None:
        self._server = read_url(url)
        self._timeout = timeout
        self.deadline = deadline
        self._context = context or ssl.create_default_context()
        self._session: Session | None = None

    def send(self, message: Message, recipients: Sequence[Recipient], record: Record) -> None:
        """See Transport.send."""
        encoded, sender = encode(message), wire_address(message.sender)
        with Deadline(self.deadline) as deadline:
            try:
                for index in record.waiting():
                    if deadline.passed or not record.may_go_on():
                        return
                    try:
                        to = wire_address(recipients[index].address)
                    except ValueError:
                        record.refused(index, NOT_AN_ADDRESS)
                    else:
                        answer = self._deliver(sender, to, encoded.render(recipients[index]), deadline)
                        _note(answer, index, record)
            except BaseException:
                self._drop()
                raise

    def close(self) -> None:
        """Say goodbye to the server, if there is a connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _deliver(self, sender: str, to: str, content: bytes, deadline: Deadline) -> Answer:
        """Over the kept connection, or, when the server has closed that one, over a new one."""
        if self._session is not None:
            try:
                return self._session.deliver(sender, to, content, deadline)
            except ClosedError:
                self._drop()
        if deadline.passed:
            raise NotTakenError(f"The mail server did not answer within {self.deadline:g} seconds.")
        self._session = Session(self._server, self._context, self._timeout, deadline)
        try:
            return self._session.deliver(sender, to, content, deadline)
        except ClosedError:
            raise NotTakenError("The mail server closed the connection before it had taken a message.") from None

    def _drop(self) -> None:
        if self._session is not None:
            self._session.drop()
            self._session = None


def _note(answer: Answer, index: int, record: Record) -> None:
    if answer.code < 300:
        record.accepted(index)
    elif answer.code < 500:
        record.deferred(index, f"{answer.code} {answer.text}")
    else:
        record.refused(index, f"{answer.code} {answer.text}")
