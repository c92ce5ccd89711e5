"""A reader's mailbox: what came to a Maildir, found by address and subject, and its links as a reader sees them."""

from __future__ import annotations

import email
import re
from email import policy
from email.message import EmailMessage
from pathlib import Path

from newsletter.core.config import Settings

URL = re.compile(r"""https?://[^\s"'<>]+""")


class Mailbox:
    """All mails of a Maildir, in the order in which they are asked for."""

    def __init__(self, settings: Settings) -> None:
        self.folder = Path(settings.maildir) / "new"

    def all(self) -> list[EmailMessage]:
        if not self.folder.exists():
            return []
        return [
            email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(self.folder.iterdir())
        ]

    def of(self, address: str, subject: str = "") -> list[EmailMessage]:
        """What came to this address with these words in its subject."""
        return [mail for mail in self.all() if mail["To"] == address and subject in str(mail["Subject"])]


def html(mail: EmailMessage) -> str:
    """The HTML part."""
    return _part(mail, "html")


def text(mail: EmailMessage) -> str:
    """The plain part."""
    return _part(mail, "plain")


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert isinstance(part, EmailMessage)
    content = part.get_content()
    assert isinstance(content, str)
    return content
