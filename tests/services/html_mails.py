"""Mails that are nothing but a piece of HTML."""

from __future__ import annotations

from newsletter.digests.findings import Finding
from newsletter.digests.foreign_content import find_foreign_content
from newsletter.mail.message_checks import check_message


def findings_in(html: str) -> list[Finding]:
    """What the preflight finds in a mail of this HTML alone."""
    raw = b"Content-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    return list(find_foreign_content(check_message(raw, ())))
