"""Readers who unsubscribed, bounced or complained at the service that a file comes from: suppressing them here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import rows_where_in, table_of
from newsletter.core.errors import InvalidError
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.subscribers import addresses
from newsletter.subscribers.files.csv_file import CsvRow
from newsletter.subscribers.files.known_columns import Standing
from newsletter.subscribers.models import Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from newsletter.subscribers.suppression.suppressions import ToSuppress

REASONS = {
    Standing.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
    Standing.BOUNCED: SuppressionReason.BOUNCED,
    Standing.COMPLAINED: SuppressionReason.COMPLAINED,
}
"""Why an address is suppressed, by the standing that its row states."""

STAYS_ACTIVE = "The reader of this address is active here and stays so, although mail to them ended elsewhere."

_TABLE = table_of(Subscriber)
_STATUS = select(_TABLE.c.address_key, _TABLE.c.status)


def suppress_ended(
    session: Session, key: SuppressionKey, rows: Sequence[CsvRow], *, dry_run: bool
) -> dict[int, SubscriberStatus | None]:
    """Suppress readers whose rows state that mail to them ended elsewhere, unless they are active here.

    Returns the status that each has here, by the number of the row; rows with a wrong address are not in it.
    """
    found: dict[int, ToSuppress] = {}
    now = clock.now()
    for row in rows:
        if row.standing in REASONS:
            with suppress(InvalidError):
                address_key = addresses.identity_key(addresses.normalise(row.address))
                found[row.end.row] = ToSuppress(address_key, REASONS[row.standing], now)
    status = statuses_of(session, sorted({each.address_key for each in found.values()}))
    if not dry_run:
        ended = [each for each in found.values() if status.get(each.address_key) is not SubscriberStatus.ACTIVE]
        suppressions.suppress_all(session, key, ended)
    return {number: status.get(each.address_key) for number, each in found.items()}


def statuses_of(session: Session, keys: Sequence[AddressKey]) -> dict[AddressKey, SubscriberStatus]:
    """The status of each address that has a subscriber here."""
    known = rows_where_in(session, _STATUS, _TABLE.c.address_key, keys) if keys else ()
    return {row.address_key: SubscriberStatus(row.status) for row in known}
