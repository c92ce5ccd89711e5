"""The stored checks of links: which addresses are wanted, which are claimed, and the results."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import insert_ignoring
from newsletter.core.storable_text import is_storable
from newsletter.digests.links.models import LinkCheck
from newsletter.digests.links.probing import ProbeResult

MOST_LINKS = 300
"""Addresses of a digest that are probed, the first in its order."""
KEPT_FOR = timedelta(days=30)
"""Since it was last probed or wanted."""
CLAIM = timedelta(minutes=2)
"""The time for which a worker has an address to itself; it needs a quarter of it."""

_WEB = ("http://", "https://")


class CheckState(NamedTuple):
    """How many of some links were probed."""

    checked: int
    waiting: int
    """Wanted and not probed yet."""
    unchecked: int
    """Nobody wanted them so far."""


def want_links(session: Session, addresses: Iterable[str]) -> None:
    """Have these addresses probed, again if they were before. The clock queues the job."""
    wanted = _web_addresses(addresses)
    rows = [{"url_hash": _hash(each), "url": each} for each in wanted]
    insert_ignoring(session, LinkCheck, rows, conflict=["url_hash"])
    session.execute(
        update(LinkCheck)
        .where(LinkCheck.url_hash.in_([_hash(each) for each in wanted]), LinkCheck.wanted_at.is_(None))
        .values(wanted_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def want_new_links(session: Session, addresses: Iterable[str]) -> int:
    """Have those of these addresses probed that nobody wanted so far; how many there are."""
    now = clock.now()
    rows = [{"url_hash": _hash(each), "url": each, "wanted_at": now} for each in _web_addresses(addresses)]
    return insert_ignoring(session, LinkCheck, rows, conflict=["url_hash"])


def links_wait(session: Session) -> bool:
    """Whether an address is wanted that no worker is probing."""
    return bool(session.scalar(select(exists().where(*_is_free()))))


def claim_links(session: Session, count: int, among: Collection[str] | None = None) -> Sequence[str]:
    """Take some of the addresses that wait (with `among`, of these alone), the oldest first. The caller
    probes them and calls `record_results`; after CLAIM others may take them.
    """
    query = select(LinkCheck.id).where(*_is_free())
    if among is not None:
        query = query.where(LinkCheck.url_hash.in_([_hash(each) for each in among]))
    ids = session.scalars(query.order_by(LinkCheck.wanted_at, LinkCheck.id).limit(count)).all()
    # Of two workers that read the same rows the second finds them taken.
    taken = (
        update(LinkCheck)
        .where(LinkCheck.id.in_(ids), *_is_free())
        .values(claimed_until=clock.now() + CLAIM)
        .returning(LinkCheck.url)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(taken))


def record_results(session: Session, results: Mapping[str, ProbeResult], claimed: Iterable[str]) -> None:
    """Store the results, and release the claimed addresses that there was no time for."""
    now = clock.now()
    rows = session.scalars(select(LinkCheck).where(LinkCheck.url_hash.in_([_hash(each) for each in claimed])))
    for row in rows:
        row.claimed_until = None
        result = results.get(row.url)
        if result is None:
            continue
        if row.verdict != result.verdict:
            row.since = now
        row.verdict, row.status, row.failure = result
        row.checked_at, row.wanted_at = now, None


def read_checks(session: Session, addresses: Iterable[str]) -> dict[str, LinkCheck]:
    """The stored checks of these addresses, by address, in one query."""
    hashes = [_hash(each) for each in _web_addresses(addresses)]
    rows = session.scalars(select(LinkCheck).where(LinkCheck.url_hash.in_(hashes))) if hashes else ()
    return {row.url: row for row in rows}


def check_state(addresses: Iterable[str], known: Mapping[str, LinkCheck]) -> CheckState:
    """How many of these addresses were probed, by their stored checks."""
    wanted = _web_addresses(addresses)
    found = known.values()
    waiting = sum(row.wanted_at is not None for row in found)
    checked = sum(row.wanted_at is None and row.checked_at is not None for row in found)
    return CheckState(checked, waiting, len(wanted) - checked - waiting)


def delete_old(session: Session) -> None:
    """Delete the checks of addresses that were not probed for long."""
    last = func.coalesce(LinkCheck.checked_at, LinkCheck.wanted_at)
    old = delete(LinkCheck).where(or_(last.is_(None), last < clock.now() - KEPT_FOR))
    session.execute(old.execution_options(synchronize_session=False))


def _is_free() -> tuple[ColumnElement[bool], ...]:
    unclaimed = or_(LinkCheck.claimed_until.is_(None), LinkCheck.claimed_until < clock.now())
    return LinkCheck.wanted_at.is_not(None), unclaimed


def _web_addresses(addresses: Iterable[str]) -> list[str]:
    """The web addresses among these, each once."""
    found = dict.fromkeys(each for each in addresses if each.lower().startswith(_WEB) and is_storable(each))
    return list(found)[:MOST_LINKS]


def _hash(address: str) -> bytes:
    return hashlib.sha256(address.encode()).digest()
