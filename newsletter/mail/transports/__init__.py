"""Transports: sendgrid, smtp, maildir, behind one interface."""

from __future__ import annotations

from newsletter.core.config import Settings
from newsletter.mail.transports.base import Transport


def open_transport(settings: Settings) -> Transport:
    """The transport that MAIL_TRANSPORT names; only that one is imported. Nothing is connected yet."""
    if settings.mail_transport == "sendgrid":
        from newsletter.mail.transports.sendgrid import SendGridTransport

        return SendGridTransport(settings.sendgrid_api_key, settings.sendgrid_host, deadline=settings.mail_deadline)
    if settings.mail_transport == "smtp":
        from newsletter.mail.transports.smtp import SmtpTransport

        deadline = settings.mail_deadline
        return SmtpTransport(settings.smtp_url, timeout=min(30, deadline), deadline=deadline)
    from newsletter.mail.transports.maildir import MaildirTransport

    return MaildirTransport(settings.maildir)
