"""Readers in bulk, with preferences as different as those of real ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from newsletter.core import clock
from newsletter.core.db import Database
from tests.bench.databases import insert_by_driver
from tests.filling import bring_up_to_date

COLUMNS = (
    *("address", "address_key", "status", "token", "cadence", "sections", "min_trust", "max_hype", "breaking"),
    *("hour", "zone", "format", "language", "created_at", "confirmations_sent", "confirmed_at"),
)
SECTIONS = (None, None, None, ("Section 00", "Section 01"), ("Section 02",), ("Section 01", "Section 04"), ("Gardens",))
"""Choices of sections; no story is in the last one."""
MIN_TRUST = (0, 0, 0, 50, 60, 70, 80, 90)
MAX_HYPE = (None, None, None, "Some hype", "Low hype")


def fill_readers(db: Database, count: int) -> None:
    """Active readers of the weekly letter, and for each hundred of them one whose subscription has ended."""
    insert_by_driver(db, "subscribers", COLUMNS, _rows(count + count // 100, is_sqlite=db.is_sqlite))
    bring_up_to_date(db)


def _rows(count: int, *, is_sqlite: bool) -> Iterator[tuple[object, ...]]:
    moment = as_driver_text(clock.now(), is_sqlite=is_sqlite)
    for n in range(count):
        address = f"reader{n}@readers{n % 97}.example"
        chosen = SECTIONS[n % len(SECTIONS)]
        sections = None if chosen is None else "[" + ", ".join(f'"{name}"' for name in chosen) + "]"
        has_hour = n % 5 == 0
        yield (
            *(address, address, "unsubscribed" if n % 101 == 100 else "active", f"token-{n}", "weekly"),
            *(sections, MIN_TRUST[n % len(MIN_TRUST)], MAX_HYPE[n % len(MAX_HYPE)], n % 50 == 0),
            *(6 + n % 4 if has_hour else None, "Europe/Berlin" if has_hour else None),
            *("text" if n % 20 == 0 else "html", "de" if n % 10 == 0 else "en", moment, 0, moment),
        )


def as_driver_text(moment: datetime, *, is_sqlite: bool) -> str:
    """A time as plain SQL of the driver takes it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f" + ("" if is_sqlite else "+00"))
