"""A real mail server (aiosmtpd) on 127.0.0.1 that keeps what it takes, and is scripted to answer badly."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from enum import Enum
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from tests.services.certificates import Certificate
from tests.services.patience import PATIENCE

USER, PASSWORD = "letters@relay.example", "p@ss:word/%1"


class Received(NamedTuple):
    """A mail that the server took."""

    sender: str
    recipient: str
    options: tuple[str, ...]
    content: bytes


class Drop(Enum):
    """Instead of an answer."""

    UNTAKEN = "closes the connection and forgets the mail"
    TAKEN = "closes the connection when it has the mail"
    HANG = "has the mail, and says nothing"


class SmtpServer:
    """Started by `with`. `mail`, `rcpt` and `data` script the answers; without one everything is taken.

    `mail` and `data` are used up in order, `rcpt` holds the answer for an address. An answer that begins with 421 is
    followed by the end of the connection. `sign_in` needs STARTTLS: without it aiosmtpd offers no AUTH.
    """

    def __init__(
        self,
        certificate: Certificate | None = None,
        *,
        implicit_tls: bool = False,
        sign_in: bool = False,
        smtputf8: bool = False,
    ) -> None:
        self.mails: list[Received] = []
        self.mail: deque[str] = deque()
        self.rcpt: dict[str, str] = {}
        self.data: deque[str | Drop] = deque()
        self.connections = 0
        self.commands: list[str] = []
        """MAIL, RCPT and RSET in the order in which they came."""
        self._scheme = "smtps" if implicit_tls else "smtp"
        self._sign_in = sign_in
        context = certificate.server_context() if certificate else None
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the server's own log names addresses
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=0,
            ssl_context=context if implicit_tls else None,
            tls_context=None if implicit_tls else context,
            require_starttls=bool(context) and not implicit_tls,
            auth_required=sign_in,
            authenticator=_authenticate,
            enable_SMTPUTF8=smtputf8,
        )

    @property
    def url(self) -> str:
        who = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@" if self._sign_in else ""
        return f"{self._scheme}://{who}127.0.0.1:{self._controller.port}"

    def __enter__(self) -> Self:
        self._controller.start()
        self.connections = 0  # the controller itself knocks once
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def hang_up(self) -> None:
        """Close the newest connection, as servers do with idle ones."""
        transport = self._controller.smtpd.transport
        asyncio.run_coroutine_threadsafe(_close(transport), self._controller.loop).result(PATIENCE)

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("MAIL")
        answer = self.mail.popleft() if self.mail else "250 OK"
        if answer.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return await _say(server, answer)

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("RCPT")
        answer = self.rcpt.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return await _say(server, answer)

    async def handle_RSET(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.commands.append("RSET")
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.popleft() if self.data else "250 OK"
        if answer in (Drop.TAKEN, Drop.HANG) or str(answer).startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            (recipient,) = envelope.rcpt_tos
            self.mails.append(Received(envelope.mail_from or "", recipient, tuple(envelope.mail_options), content))
        if isinstance(answer, str):
            return await _say(server, answer)
        if answer is not Drop.HANG:
            server.transport.abort()
        return await _wait_for_the_end()


class _Controller(Controller):
    """On a port that the system chooses."""

    server: Any
    smtpd: Any

    def factory(self) -> Any:
        self.handler.connections += 1
        return super().factory()  # type: ignore[no-untyped-call]

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


async def _close(transport: Any) -> None:
    transport.abort()


async def _say(server: Any, answer: str) -> str:
    if not answer.startswith("421"):
        return answer
    await server.push(answer)
    server.transport.close()
    return await _wait_for_the_end()


async def _wait_for_the_end() -> str:
    """Until the connection, or the server, has ended: aiosmtpd cancels its handlers then."""
    await asyncio.Event().wait()
    return ""


def _authenticate(server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    expected = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == expected, handled=False)
