"""Single mails: which room writes which, and the sending of one."""

from __future__ import annotations

from newsletter.core.runtime import Runtime
from newsletter.mail import outgoing
from newsletter.mail.transports import open_transport
from newsletter.subscribers import erasing
from newsletter.subscribers.mails import COMPOSERS


def send(runtime: Runtime, mail_id: int) -> None:
    """Write and send one row of the outgoing table, if it is still there and free."""
    transport = open_transport(runtime.settings)
    try:
        gone = outgoing.send(runtime.db, runtime.settings, transport, COMPOSERS, mail_id)
    finally:
        transport.close()
    if gone is not None and gone.kind == erasing.MAIL:
        erasing.scrub(runtime.db, gone.payload)
