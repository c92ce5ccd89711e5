"""Readers who unsubscribed, bounced or complained at the service that a file comes from: suppressing them here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import rows_where_in, table_of
from newsletter.core.errors import InvalidError
from newsletter.core.ids import AddressKey, SuppressionKey
from newsletter.subscribers import addresses
from newsletter.subscribers.files.csv_file import CsvFile, CsvRow, FilePosition
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

OTHER_ROW = "Another row of this address says that its reader unsubscribed, bounced or complained elsewhere."

_TABLE = table_of(Subscriber)
_STATUS = select(_TABLE.c.address_key, _TABLE.c.status)


def suppress_ended(
    session: Session, key: SuppressionKey, rows: Sequence[CsvRow], *, dry_run: bool
) -> dict[int, SubscriberStatus | None]:
    """Suppress readers whose rows state that mail to them ended elsewhere, unless they are active here.

    Returns the status that each has here, by the number of the row; rows with a wrong address are not in it.
    """
    now = clock.now()
    found = {number: ToSuppress(key, REASONS[standing], now) for number, key, standing in _ended(rows)}
    status = statuses_of(session, sorted({each.address_key for each in found.values()}))
    if not dry_run:
        ended = [each for each in found.values() if status.get(each.address_key) is not SubscriberStatus.ACTIVE]
        suppressions.suppress_all(session, key, ended)
    return {number: status.get(each.address_key) for number, each in found.items()}


def without_ended(file: CsvFile, after: FilePosition | None) -> Iterator[CsvRow]:
    """The rows of a file; those of active readers are refused where any row of the same address says otherwise.

    A file with a row for each list of a reader is so. It is read once more for that, if it states anything at all.
    """
    ended = {key for _, key, _ in _ended(file.rows())} if file.head.standings else set()
    for row in file.rows(after):
        is_ended = row.reader is not None and row.reader.key in ended
        yield row._replace(reader=None, refusal=OTHER_ROW, notes=(), warning="") if is_ended else row


def _ended(rows: Iterable[CsvRow]) -> Iterator[tuple[int, AddressKey, Standing]]:
    """The number, address and standing of each row that states an end, but for those with a wrong address."""
    for row in rows:
        if row.standing in REASONS:
            with suppress(InvalidError):
                yield row.end.row, addresses.identity_key(addresses.normalise(row.address)), row.standing


def statuses_of(session: Session, keys: Sequence[AddressKey]) -> dict[AddressKey, SubscriberStatus]:
    """The status of each address that has a subscriber here."""
    known = rows_where_in(session, _STATUS, _TABLE.c.address_key, keys) if keys else ()
    return {row.address_key: SubscriberStatus(row.status) for row in known}
