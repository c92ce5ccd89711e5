"""Transports: sendgrid, smtp, maildir, behind one interface."""

from __future__ import annotations

from newsletter.core.config import Settings
from newsletter.mail.encoding import Encoder, encode
from newsletter.mail.transports.base import Transport


def open_transport(settings: Settings) -> Transport:
    """The transport that MAIL_TRANSPORT names. Nothing is connected yet, and no other transport is imported.

    Raises ConfigurationError for a wrong setting of this transport.
    """
    deadline = settings.send_deadline.total_seconds()
    if settings.mail_transport == "sendgrid":
        from newsletter.mail.transports.sendgrid import SendGridTransport

        return SendGridTransport(settings.sendgrid_api_key, settings.sendgrid_host, deadline=deadline)
    if settings.mail_transport == "smtp":
        from newsletter.mail.transports.smtp import SmtpTransport

        encoder = _encoder(settings)
        return SmtpTransport(settings.smtp_url, timeout=min(30, deadline), deadline=deadline, encoder=encoder)
    from newsletter.mail.transports.maildir import MaildirTransport

    return MaildirTransport(settings.maildir, encoder=_encoder(settings))


def _encoder(settings: Settings) -> Encoder:
    """The encoder for mail that we write ourselves: it signs if there is a key. SendGrid signs its mail itself."""
    if not settings.dkim_key:
        return encode
    from newsletter.mail.dkim import DkimSigner

    return DkimSigner(settings.dkim_domain, settings.dkim_selector, settings.dkim_key).encode
