"""One suite, seven ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.mail.transports.smtp import SmtpTransport
from tests.contract.transports_under_test import MaildirWay, SendGridWay, SmtpWay, Way
from tests.services.certificates import Certificate, make_certificate
from tests.services.sendgrid_standin import SendGridStandIn
from tests.services.smtp_server import SmtpServer
from tests.services.smtp_sink import SmtpSink

WAYS = (
    "maildir",
    "smtp",
    "smtp with STARTTLS and password",
    "smtp in groups",
    "smtps",
    "smtps in groups",
    "sendgrid",
)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    """A transport that is not connected yet, and its other side."""
    if request.param == "maildir":
        yield MaildirWay(tmp_path / "mail")
    elif request.param == "sendgrid":
        with SendGridStandIn() as standin:
            yield SendGridWay(standin)
    else:
        made: Certificate = request.getfixturevalue("certificate")
        certificate = made if "smtps" in request.param or "STARTTLS" in request.param else None
        with smtp_server(request.param, certificate) as server:
            transport = SmtpTransport(server.url, context=certificate.client_context() if certificate else None)
            yield SmtpWay(server, transport)
            transport.close()


def smtp_server(name: str, certificate: Certificate | None) -> SmtpServer | SmtpSink:
    """One of two: aiosmtpd, which takes each command alone, or our own, which takes groups."""
    if "groups" in name:
        return SmtpSink(certificate=certificate)
    return SmtpServer(certificate, implicit_tls=name == "smtps", sign_in="password" in name)
