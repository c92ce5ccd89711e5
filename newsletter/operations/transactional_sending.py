"""The loop over readers' mails: it decides on sign-ups, and sends the transactional mails that are due."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from newsletter.core import secure_delete, shutdown
from newsletter.core.jobs import MAIL_JOB_LINGERS
from newsletter.core.runtime import Runtime
from newsletter.mail import outgoing_sending
from newsletter.mail.outgoing_mails import MailClaim
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.base import Transport
from newsletter.operations import signups
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.privacy import erasure
from newsletter.support.thank_you import ThankYou

RUN_FOR = 5.0
"""Seconds after which a job ends, and its successor goes on: a worker looks at its own state between jobs."""
LOOK_EVERY = 0.2
GATHER_FOR = 0.4
"""Seconds between two rounds, unless the last was full. A round costs three commits and some fifteen statements,
whether it is about one reader or a hundred: with ten, each takes two and a half times as much CPU (measured)."""

_ADDRESSES: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    erasure.Erased.kind: erasure.addresses_in,
    ThankYou.kind: lambda payload: [ThankYou.from_json(payload).address],
}
"""The mails whose rows hold addresses that stand nowhere else: SQLite's file is cleaned of them afterwards."""


def send_waiting_mails(runtime: Runtime) -> bool:
    """Decide on sign-ups and send mails for up to RUN_FOR seconds; True when there may be more."""
    end = time.monotonic() + RUN_FOR
    transport = open_transport(runtime.settings)
    last_work: float | None = None
    try:
        while time.monotonic() < end and not shutdown.requested():
            # Mails that wait come first: a flood of sign-ups may be an attack.
            sent = _send_some(runtime, transport)
            decided = signups.decide_some(runtime)
            if decided:
                sent += _send_some(runtime, transport)
            if sent or decided:
                last_work = time.monotonic()
                if sent < outgoing_sending.TOGETHER and decided < signups.TOGETHER:
                    shutdown.wait(GATHER_FOR)
            elif last_work is None or time.monotonic() - last_work > MAIL_JOB_LINGERS:
                return False
            else:
                shutdown.wait(LOOK_EVERY)
        return True
    finally:
        transport.close()


def _send_some(runtime: Runtime, transport: Transport) -> int:
    """Send some mails that are due; returns how many were tried. An unforeseen error about some of them is raised at
    the end."""
    is_announced = False

    def announce(claims: Sequence[MailClaim]) -> None:
        nonlocal is_announced
        if any(claim.kind in _ADDRESSES for claim in claims):
            with suppress(OSError):  # a full disk must not keep the rows of mails that were sent
                is_announced |= secure_delete.announce_purge(runtime.db)

    sent = outgoing_sending.send_due(runtime.db, runtime.settings, transport, MAIL_TYPES, announce)
    if purged := [claim for claim in sent.deleted if claim.kind in _ADDRESSES]:
        addresses = [address for claim in purged for address in _ADDRESSES[claim.kind](claim.payload)]
        secure_delete.purge(runtime.db, *addresses, is_announced=is_announced)
    if sent.error:
        raise sent.error
    return sent.claimed
