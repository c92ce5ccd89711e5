"""Single mails: which room writes which, and the sending of one."""

from __future__ import annotations

from newsletter.core.runtime import Runtime
from newsletter.mail import outgoing
from newsletter.mail.transports import open_transport
from newsletter.operations.mail_types import MAIL_TYPES
from newsletter.privacy import erasure


def send_transactional_mail(runtime: Runtime, mail_id: int) -> None:
    """Write and send one row of the outgoing table, if it is still there and free."""
    transport = open_transport(runtime.settings)
    try:
        gone = outgoing.send_mail(runtime.db, runtime.settings, transport, MAIL_TYPES, mail_id)
    finally:
        transport.close()
    if gone is not None and gone.kind == erasure.Erased.kind:
        erasure.purge_addresses(runtime.db, gone.payload)
