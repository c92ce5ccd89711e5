"""Every way out of the house, each with a real other side whose mailboxes can be opened."""

from __future__ import annotations

import email
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import NamedTuple

from newsletter.mail.transports.base import Transport
from newsletter.mail.transports.maildir import MaildirTransport
from newsletter.mail.transports.sendgrid import SendGridTransport
from newsletter.mail.transports.smtp import SmtpTransport
from tests.services.sendgrid_standin import KEY, SendGridStandIn
from tests.services.smtp_server import SmtpServer
from tests.services.smtp_sink import SmtpSink


class Arrived(NamedTuple):
    """A mail in a reader's mailbox; line ends are LF, and header names are lower case."""

    address: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]


class Way(ABC):
    """A transport, and its other side."""

    transport: Transport
    refused_address = "nobody.at.home"
    """A recipient that is refused on this way."""

    @abstractmethod
    def arrived(self) -> list[Arrived]:
        """All that was delivered so far."""


class MaildirWay(Way):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.transport = MaildirTransport(folder)

    def arrived(self) -> list[Arrived]:
        return [parse(path.read_bytes()) for path in sorted(self.folder.glob("new/*"))]


class SmtpWay(Way):
    refused_address = "gone@mail.example.org"

    def __init__(self, server: SmtpServer | SmtpSink, transport: SmtpTransport) -> None:
        self.server = server
        self.transport = transport
        server.rcpt[self.refused_address] = "550 5.1.1 <gone@mail.example.org>: no such user here, gone"

    def arrived(self) -> list[Arrived]:
        mails = [(mail, parse(mail.content)) for mail in self.server.mails]
        assert all(mail.recipient == arrived.address for mail, arrived in mails)
        assert all(mail.sender == "letters@dispatch.example" for mail, _ in mails)
        return [arrived for _, arrived in mails]


class SendGridWay(Way):
    refused_address = "two..dots@mail.example.org"

    def __init__(self, standin: SendGridStandIn) -> None:
        self.standin = standin
        self.transport = SendGridTransport(KEY, standin.url)

    def arrived(self) -> list[Arrived]:
        return list(self._arrived())

    def _arrived(self) -> Iterator[Arrived]:
        for mail in self.standin.mails():
            headers = {name.lower(): value for name, value in mail.headers.items()}
            yield Arrived(mail.address, mail.subject, mail.text, mail.html, headers)


def parse(content: bytes) -> Arrived:
    """The parts that a mail program shows of a whole RFC 5322 message; fails on anything else."""
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content), "a bare line end"
    assert max(map(len, content.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    names = [name.lower() for name in message]
    assert len(names) == len(set(names)), "a header stands twice"
    return Arrived(
        str(message["To"]),
        str(message["Subject"]),
        _part(message, "plain"),
        _part(message, "html"),
        {name.lower(): str(value) for name, value in message.items()},
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")
