"""Sending the transactional mails that wait, of any package."""

from __future__ import annotations

import time

from newsletter.core import shutdown
from newsletter.core.runtime import Runtime
from newsletter.mail import outgoing_sending
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import Transport
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.privacy import erasure

RUN_FOR = 3.0
"""Seconds after which a job ends and its successor queues behind jobs that are more urgent."""


def send_waiting_mails(runtime: Runtime) -> bool:
    """Send what is due for up to RUN_FOR seconds; True when there may be more."""
    end = time.monotonic() + RUN_FOR
    transport = open_transport(runtime.settings)
    try:
        while time.monotonic() < end and not shutdown.requested():
            if not send_some(runtime, transport):
                return False
        return True
    finally:
        transport.close()


def send_some(runtime: Runtime, transport: Transport) -> bool:
    """Send some mails that are due; False when there was none."""
    sent = outgoing_sending.send_due(runtime.db, runtime.settings, transport, MAIL_TYPES)
    for claim in sent.deleted:
        if claim.kind == erasure.Erased.kind:
            erasure.purge_addresses(runtime.db, claim.payload)
    return sent.claimed > 0
