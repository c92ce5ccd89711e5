"""The entries of the audit log, as its page and its CSV read them: the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, bindparam, select, union_all
from sqlalchemy.orm import Session

from newsletter.staff.audit import AuditAction
from newsletter.staff.models import AuditEntry


class AuditFilter(NamedTuple):
    """A choice of entries: of one person, of one group, since a day in `zone`; the newest first, below `before`."""

    member_id: int | None = None
    group: str = ""
    since: date | None = None
    before: int | None = None


_CONDITIONS = {
    "member": AuditEntry.staff_member_id == bindparam("member"),
    "since": AuditEntry.happened_at >= bindparam("since"),
    "before": AuditEntry.id < bindparam("before"),
}


def entries(session: Session, wanted: AuditFilter, zone: ZoneInfo, limit: int) -> Sequence[AuditEntry]:
    """The newest entries that fit, at most `limit`."""
    values: dict[str, Any] = {
        "member": wanted.member_id,
        "since": datetime.combine(wanted.since, time(), zone) if wanted.since else None,
        "before": wanted.before,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return session.scalars(_newest(wanted.group, tuple(given)), {**given, "limit": limit}).all()


def all_entries(session: Session, wanted: AuditFilter, zone: ZoneInfo) -> Iterator[AuditEntry]:
    """All entries that fit, the newest first, a thousand at a time."""
    while page := entries(session, wanted, zone, 1000):
        yield from page
        wanted = wanted._replace(before=page[-1].id)
        session.expunge_all()


@cache
def _newest(group: str, given: tuple[str, ...]) -> Select[AuditEntry]:
    """The statement with these conditions. Of a group without much else the newest of each action are read by its
    index: in the order of the log, a rare group would be looked for among all entries.
    """
    newest = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(bindparam("limit"))
    conditions = [_CONDITIONS[name] for name in given]
    actions = [action for action in AuditAction if action.startswith(f"{group}.")]
    if not group:
        return newest.where(*conditions)
    if "member" in given:  # a person has an index, and fewer entries than all together
        return newest.where(AuditEntry.action.in_(actions), *conditions)
    of_action = select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(bindparam("limit"))
    found = (of_action.where(AuditEntry.action == action, *conditions).subquery() for action in actions)
    return newest.where(AuditEntry.id.in_(union_all(*(select(each.c.id) for each in found))))
