"""Working off sign-ups: each address is decided on in a transaction of its own, and its mail sent at once."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import DBAPIError

from newsletter.core import shutdown
from newsletter.core.runtime import Runtime
from newsletter.mail import outgoing
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import Transport
from newsletter.operations.mail_types import MAIL_TYPES
from newsletter.subscribers.signup import process_signups

log = logging.getLogger(__name__)

WORK_FOR = 3.0
"""Seconds after which a job makes room for its successor, so that no other mail waits longer."""


def process_waiting_signups(runtime: Runtime) -> bool:
    """Work off what there is, for up to WORK_FOR seconds; True when there may be more."""
    end = time.monotonic() + WORK_FOR
    transport = open_transport(runtime.settings)
    try:
        while time.monotonic() < end and not shutdown.requested():
            if not _work_off_one(runtime, transport):
                return False
        return True
    finally:
        transport.close()


def _work_off_one(runtime: Runtime, transport: Transport) -> bool:
    """False when there is none."""
    address_key = None
    try:
        with runtime.db.transaction() as session:
            address_key = process_signups.next_address(session)
            if address_key is None:
                return False
            mail = process_signups.process_address(session, runtime.settings.suppression_key, address_key)
    except DBAPIError:
        raise  # the database's own trouble: the clock wakes us again
    except Exception:
        if address_key is not None:
            log.exception("a sign-up could not be decided on; it waits for all others")
            with runtime.db.transaction() as session:
                process_signups.postpone(session, address_key)
        raise
    if mail is not None:
        outgoing.send_mail(runtime.db, runtime.settings, transport, MAIL_TYPES, mail)
    return True
