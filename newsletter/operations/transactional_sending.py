"""Sending one transactional mail, of any package."""

from __future__ import annotations

from newsletter.core.runtime import Runtime
from newsletter.mail import outgoing_mails
from newsletter.mail.transports import open_transport
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.privacy import erasure


def send_transactional_mail(runtime: Runtime, mail_id: int) -> None:
    """Compose and send one row of the outgoing table, if it is still there and no other worker has it."""
    transport = open_transport(runtime.settings)
    try:
        sent = outgoing_mails.send_mail(runtime.db, runtime.settings, transport, MAIL_TYPES, mail_id)
    finally:
        transport.close()
    if sent is not None and sent.kind == erasure.Erased.kind:
        erasure.purge_addresses(runtime.db, sent.payload)
