"""One suite, five ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.mail.transports.smtp import SmtpTransport
from tests.contract.ways import MaildirWay, SendGridWay, SmtpWay, Way
from tests.services.certificates import Certificate, make_certificate
from tests.services.sendgrid_standin import SendGridStandIn
from tests.services.smtp_server import SmtpServer

WAYS = ("maildir", "smtp", "smtp with STARTTLS and password", "smtps", "sendgrid")


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
        certificate: Certificate = request.getfixturevalue("certificate")
        tls = request.param != "smtp"
        with SmtpServer(
            certificate if tls else None, implicit_tls=request.param == "smtps", sign_in="password" in request.param
        ) as server:
            transport = SmtpTransport(server.url, context=certificate.client_context() if tls else None)
            yield SmtpWay(server, transport)
            transport.close()
