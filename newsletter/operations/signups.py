"""The loop over sign-ups: each address is decided on in a transaction of its own, and its mail is sent at once."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import DBAPIError

from newsletter.core import shutdown
from newsletter.core.runtime import Runtime
from newsletter.mail import outgoing_mails
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import Transport
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.subscribers.signup import process_signups

log = logging.getLogger(__name__)

RUN_FOR = 3.0
"""Seconds after which a job ends and its successor queues behind other mails, so that none of them waits longer."""


def process_waiting_signups(runtime: Runtime) -> bool:
    """Process sign-ups for up to RUN_FOR seconds; True when there may be more."""
    end = time.monotonic() + RUN_FOR
    transport = open_transport(runtime.settings)
    try:
        while time.monotonic() < end and not shutdown.requested():
            if not _process_next(runtime, transport):
                return False
        return True
    finally:
        transport.close()


def _process_next(runtime: Runtime, transport: Transport) -> bool:
    """Process the sign-ups of one address; False when there are none. An error puts them behind all others."""
    address_key = None
    try:
        with runtime.db.transaction() as session:
            address_key = process_signups.next_address(session)
            if address_key is None:
                return False
            mail = process_signups.process_address(session, runtime.settings.suppression_key, address_key)
    except DBAPIError:
        raise  # trouble of the database, not of the sign-up: the clock queues a job again
    except Exception:
        if address_key is not None:
            log.exception("a sign-up cannot be processed; it is tried again after all others")
            with runtime.db.transaction() as session:
                process_signups.postpone(session, address_key)
        raise
    if mail is not None:
        outgoing_mails.send_mail(runtime.db, runtime.settings, transport, MAIL_TYPES, mail)
    return True
