"""Each value of MAIL_TRANSPORT opens the transport of that name, and has its words on pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.core.config import TRANSPORTS, Settings
from newsletter.mail.transports import open_transport
from newsletter.web.desk.digest_words import TRANSPORT_NAMES
from newsletter.web.site_texts import MAIL_WAYS


@pytest.mark.parametrize("name", TRANSPORTS)
def test_the_transport_of_that_name_is_opened(tmp_path: Path, name: str) -> None:
    transport = open_transport(
        Settings(mail_transport=name, maildir=tmp_path, smtp_url="smtp://localhost", sendgrid_api_key="SG.key")
    )
    transport.close()
    assert transport.name == name


def test_each_has_its_words() -> None:
    assert set(TRANSPORT_NAMES) == set(MAIL_WAYS) == set(TRANSPORTS)
