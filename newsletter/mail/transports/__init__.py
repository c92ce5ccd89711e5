"""Transports: sendgrid, smtp, maildir, behind one interface."""

from __future__ import annotations

from newsletter.core.config import Settings
from newsletter.mail.transports.base import Transport
from newsletter.mail.transports.maildir import MaildirTransport
from newsletter.mail.transports.sendgrid import SendGridTransport
from newsletter.mail.transports.smtp import SmtpTransport


def open_transport(settings: Settings) -> Transport:
    """The transport that MAIL_TRANSPORT names. Nothing is connected yet."""
    if settings.mail_transport == "sendgrid":
        return SendGridTransport(settings.sendgrid_api_key, settings.sendgrid_host)
    if settings.mail_transport == "smtp":
        return SmtpTransport(settings.smtp_url)
    return MaildirTransport(settings.maildir)
