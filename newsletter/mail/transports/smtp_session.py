"""One connection to a mail server, over which messages go one after the other (RFC 5321)."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from typing import NamedTuple

from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import InDoubtError, NotTakenError, RefusedForGoodError
from newsletter.mail.transports.redaction import redact, spoken
from newsletter.mail.transports.smtp_url import MailServer, Tls

_NOT_ALLOWED = (530, 535, 538)
"""Answers that say: sign in first (RFC 4954, 6)."""


class ClosedError(Exception):
    """The server closed the connection, or said that it will (421), before it had the message: surely not taken."""


class Answer(NamedTuple):
    """What the server said about one message: 2xx taken, 4xx come back later, 5xx refused (RFC 5321, 4.2.1)."""

    code: int
    text: str


class Session:
    """Opened, greeted, encrypted and signed in by the constructor.

    Raises NotTakenError when that cannot be done now, RefusedForGoodError when it cannot be done like this.
    """

    def __init__(self, server: MailServer, context: ssl.SSLContext, timeout: float, deadline: Deadline) -> None:
        self._timeout = timeout
        self._smtp = _client(server, context, min(timeout, deadline.left()))
        deadline.watch(lambda: self._smtp.sock)
        try:
            self._open(server, context)
        except BaseException:
            self._smtp.close()
            raise
        self._proven = self._unfinished = False

    def deliver(self, sender: str, recipient: str, content: bytes, deadline: Deadline) -> Answer:
        """Send one message, both addresses as they stand on the wire, `content` ending in CRLF.

        Raises ClosedError, NotTakenError, RefusedForGoodError; InDoubtError when the connection broke between the end
        of the message and its answer.
        """
        deadline.watch(lambda: self._smtp.sock)
        self._wait_at_most(min(self._timeout, deadline.left()))
        if self._unfinished:
            self._command("RSET")
            self._unfinished = False
        answer = self._envelope(sender, recipient) or self._content(content, deadline)
        self._proven = self._proven or answer.code < 300
        return answer

    def close(self) -> None:
        """Say goodbye, if the server still listens."""
        with suppress(OSError, smtplib.SMTPException):
            self._wait_at_most(2)
            self._smtp.quit()
        self.drop()

    def drop(self) -> None:
        """Hang up without a word: the conversation is in a state in which a word would be misunderstood."""
        self._smtp.close()

    def _open(self, server: MailServer, context: ssl.SSLContext) -> None:
        try:
            code, text = self._smtp.connect(server.host, server.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, text)
            self._smtp.ehlo_or_helo_if_needed()
            self._encrypt(server, context)
            if server.user:
                self._sign_in(server)
        except ssl.SSLError as error:
            raise NotTakenError(f"No secure connection to the mail server: {spoken(error)}.") from error
        except smtplib.SMTPResponseException as error:
            said = f"{error.smtp_code} {_said(error.smtp_error)}"
            raise NotTakenError(f"The mail server does not want to talk at present: {said}.") from None
        except OSError as error:  # smtplib's other errors are OSErrors too
            raise NotTakenError(f"The mail server cannot be reached: {spoken(error)}.") from error

    def _encrypt(self, server: MailServer, context: ssl.SSLContext) -> None:
        if server.tls in (Tls.IMPLICIT, Tls.NEVER):
            return
        if self._smtp.has_extn("starttls"):
            self._smtp.starttls(context=context)
            self._smtp.ehlo_or_helo_if_needed()
        elif server.tls is Tls.REQUIRED:
            raise RefusedForGoodError(
                "The mail server does not offer STARTTLS: use smtps://, or, where the network is trusted, "
                "?starttls=never in SMTP_URL."
            )

    def _sign_in(self, server: MailServer) -> None:
        try:
            self._smtp.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            sentence = (
                f"The mail server refused user or password of SMTP_URL: {error.smtp_code} {_said(error.smtp_error)}."
            )
            raise (NotTakenError if error.smtp_code < 500 else RefusedForGoodError)(sentence) from None
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException:
            raise RefusedForGoodError("The mail server offers no way to sign in that we know.") from None

    def _envelope(self, sender: str, recipient: str) -> Answer | None:
        """MAIL and RCPT; None when the server waits for the message."""
        options = ""
        if not (sender + recipient).isascii():
            if not self._smtp.has_extn("smtputf8"):
                return Answer(553, "The mail server takes no addresses with letters beyond ASCII (SMTPUTF8).")
            self._smtp.command_encoding = "utf-8"
            options = " SMTPUTF8 BODY=8BITMIME"  # RFC 6531, 3.1: who offers the one offers the other
        said = self._command(f"MAIL FROM:<{sender}>{options}")
        if said.code >= 500:
            raise RefusedForGoodError(f"The mail server refused the sender, MAIL_FROM: {said.code} {said.text}.")
        if said.code >= 400:
            raise NotTakenError(f"The mail server takes no mail at present: {said.code} {said.text}.")
        said = self._command(f"RCPT TO:<{recipient}>", recipient)
        if said.code < 300:
            return None
        if said.code in _NOT_ALLOWED or (not self._proven and "relay" in said.text.lower()):
            # It would say so of everyone; a whole list must not be refused because a password is missing.
            raise RefusedForGoodError(f"The mail server does not pass on our mail: {said.code} {said.text}.")
        self._unfinished = True
        return said

    def _content(self, content: bytes, deadline: Deadline) -> Answer:
        """DATA, the message, and its answer. The doubt begins when its last byte has been handed over."""
        said = self._command("DATA")
        if said.code != 354:
            self._unfinished = True
            return said
        try:
            self._smtp.send(stuffed(content))
        except smtplib.SMTPServerDisconnected as error:
            raise ClosedError from error
        # RFC 5321, 4.5.3.2.6 asks for 10 minutes here: who gives up early sends twice.
        self._wait_at_most(deadline.left())
        try:
            answer = self._answer()
        except smtplib.SMTPException as error:
            raise InDoubtError("The connection broke before the mail server's answer to a message.") from error
        if answer.code == 421:
            raise ClosedError
        if not 200 <= answer.code < 600 or 300 <= answer.code < 400:
            raise InDoubtError("The mail server's answer to a message could not be understood.")
        return answer

    def _command(self, line: str, about: str = "") -> Answer:
        try:
            self._smtp.putcmd(line)
            answer = self._answer(about)
        except smtplib.SMTPException as error:
            raise ClosedError from error
        if answer.code == 421 or not 200 <= answer.code < 600:
            raise ClosedError
        return answer

    def _answer(self, about: str = "") -> Answer:
        code, text = self._smtp.getreply()
        return Answer(code, _said(text, about))

    def _wait_at_most(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)


def stuffed(content: bytes) -> bytes:
    """The message as DATA takes it: lines that begin with a dot get another one, and a dot ends it all (4.5.2)."""
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _client(server: MailServer, context: ssl.SSLContext, timeout: float) -> smtplib.SMTP:
    """Not connected yet: the deadline's watch must see its socket from the first moment."""
    implicit = server.tls is Tls.IMPLICIT
    client = smtplib.SMTP_SSL(timeout=timeout, context=context) if implicit else smtplib.SMTP(timeout=timeout)
    # TLS checks the certificate's name against it, and smtplib sets it only when its constructor connects.
    client._host = server.host  # type: ignore[attr-defined]
    return client


def _said(text: bytes | str, about: str = "") -> str:
    return redact(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, about).rstrip(".")
