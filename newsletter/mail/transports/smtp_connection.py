"""A connection to a mail server: opened, greeted, encrypted and signed in by smtplib, then written to and read here."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache

from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import NotAcceptedError, RefusedForGoodError
from newsletter.mail.transports.redaction import spoken
from newsletter.mail.transports.smtp_replies import ClosedError, ReplyReader, quoted
from newsletter.mail.transports.smtp_url import MailServer, Tls


class SmtpConnection:
    """Connects when it is made. `context`: the certificates to trust, None for the system's.

    Raises NotAcceptedError when there is no connection now, RefusedForGoodError when this SMTP_URL cannot have one.
    """

    def __init__(self, server: MailServer, context: ssl.SSLContext | None, timeout: float, deadline: Deadline) -> None:
        self._smtp = _client(server, context, min(timeout, deadline.remaining()))
        deadline.watch(lambda: self._smtp.sock)
        try:
            self._sock = _open(self._smtp, server, context)
        except BaseException:
            self._smtp.close()
            raise
        self._timeout = timeout
        self.replies = ReplyReader(self._sock, timeout, deadline)

    def offers(self, extension: str) -> bool:
        """Whether the server's answer to EHLO names `extension`, in lower case."""
        return self._smtp.has_extn(extension)

    def use(self, deadline: Deadline, keep_alive: Callable[[], None]) -> None:
        """Use `deadline` from now on, and call `keep_alive` each second while an answer is awaited."""
        deadline.watch(lambda: self._smtp.sock)
        self.replies.deadline = deadline
        self.replies.keep_alive = keep_alive

    def write(self, octets: Sequence[bytes], following: Sequence[bytes] = ()) -> None:
        """Write `octets` and, in the same write if possible, `following`.

        Raises ClosedError when the last one of `octets` surely did not leave us. If `following` did not, its answer
        will be missing.
        """
        self._sock.settimeout(self._timeout)
        if isinstance(self._sock, ssl.SSLSocket):
            # How much of a write went out before it failed is not known here: so these are two.
            _send(self._sock, b"".join(octets))
            with suppress(ClosedError):
                _send(self._sock, b"".join(following))
        else:
            _gather(self._sock, octets, following)

    def close(self) -> None:
        """Say goodbye, if the server still listens."""
        with suppress(OSError, smtplib.SMTPException):
            self._sock.settimeout(2)
            self._smtp.quit()
        self.drop()

    def drop(self) -> None:
        """Close without a word: in the state of this conversation a word would be misunderstood."""
        self._smtp.close()


def _send(sock: socket.socket, octets: bytes) -> None:
    try:
        sock.sendall(octets)
    except OSError as error:
        raise ClosedError from error


def _gather(sock: socket.socket, octets: Sequence[bytes], following: Sequence[bytes]) -> None:
    """The kernel gathers them: copying 40 kB together first costs as much CPU as sending them (measured)."""
    parts = [*octets, *following]
    sent = 0
    try:
        sent = sock.sendmsg(parts)
        if sent < sum(map(len, parts)):
            rest = memoryview(b"".join(parts))
            while sent < len(rest):
                sent += sock.send(rest[sent:])
    except OSError as error:
        if sent < sum(map(len, octets)):
            raise ClosedError from error


@cache
def _system_trust() -> ssl.SSLContext:
    """Made when TLS is first used: it takes 30 ms."""
    return ssl.create_default_context()


def _client(server: MailServer, context: ssl.SSLContext | None, timeout: float) -> smtplib.SMTP:
    """A client that is not connected yet: the deadline must watch its socket from the first moment."""
    if server.tls is Tls.IMPLICIT:
        client: smtplib.SMTP = smtplib.SMTP_SSL(timeout=timeout, context=context or _system_trust())
    else:
        client = smtplib.SMTP(timeout=timeout)
    # TLS checks the certificate's name against it, and smtplib sets it only when its constructor connects.
    client._host = server.host  # type: ignore[attr-defined]
    return client


def _open(smtp: smtplib.SMTP, server: MailServer, context: ssl.SSLContext | None) -> socket.socket:
    try:
        code, text = smtp.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        smtp.ehlo_or_helo_if_needed()
        _encrypt(smtp, server, context)
        if server.user:
            _sign_in(smtp, server)
        sock = smtp.sock
        if sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        # A short write after a long one must not wait until the long one is acknowledged (Nagle).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except ssl.SSLError as error:
        raise NotAcceptedError(
            "smtp.insecure", "No secure connection to the mail server: %(why)s.", why=spoken(error)
        ) from error
    except smtplib.SMTPResponseException as error:
        said = f"{error.smtp_code} {quoted(error.smtp_error)}"
        raise NotAcceptedError(
            "smtp.not_ready", "The mail server accepts no connection at present: %(answer)s.", answer=said
        ) from None
    except OSError as error:  # smtplib's other errors are OSErrors too
        raise NotAcceptedError(
            "smtp.unreachable", "The mail server cannot be reached: %(why)s.", why=spoken(error)
        ) from error
    return sock


def _encrypt(smtp: smtplib.SMTP, server: MailServer, context: ssl.SSLContext | None) -> None:
    if server.tls in (Tls.IMPLICIT, Tls.NEVER):
        return
    if smtp.has_extn("starttls"):
        smtp.starttls(context=context or _system_trust())
        smtp.ehlo_or_helo_if_needed()
    elif server.tls is Tls.REQUIRED:
        raise RefusedForGoodError(
            "smtp.no_starttls",
            "The mail server does not offer STARTTLS, which SMTP_URL requires: only smtps://, or ?starttls=never where "
            "the network is trusted, can work.",
        )


def _sign_in(smtp: smtplib.SMTP, server: MailServer) -> None:
    try:
        smtp.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError as error:
        said = f"{error.smtp_code} {quoted(error.smtp_error)}"
        kind = NotAcceptedError if error.smtp_code < 500 else RefusedForGoodError
        sentence = "The mail server refused user or password of SMTP_URL: %(answer)s."
        raise kind("smtp.sign_in_refused", sentence, answer=said) from None
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPException:
        raise RefusedForGoodError("smtp.no_sign_in", "The mail server offers no way to sign in that we know.") from None
