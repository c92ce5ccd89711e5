"""The audit log: who did what, on what, when. For admins."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from io import StringIO
from typing import NamedTuple

from flask import Response, request, url_for

from newsletter.articles.queries import slugs_of
from newsletter.core.runtime import runtime
from newsletter.staff import audit, audit_entries
from newsletter.staff.audit import AuditAction
from newsletter.staff.audit_entries import AuditFilter
from newsletter.staff.models import AuditEntry
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk
from newsletter.web.request_values import parse_day, parse_number

PAGE_SIZE = 100


class ShownEntry(NamedTuple):
    """An entry in words; the time in the publication's zone."""

    day: date
    time: str
    who: str
    what: str
    object: str
    path: str
    """The page of the object; empty where there is none."""


@desk.get("/audit-log", endpoint="audit_log")
@needs(Right.PEOPLE)
def audit_log_page() -> str:
    """The newest entries that fit the filters."""
    settings, wanted = runtime().settings, _wanted()
    with runtime().db.reading() as session:
        names = audit.names(session)
        found = audit_entries.entries(session, wanted, settings.timezone, PAGE_SIZE + 1)
        page = found[:PAGE_SIZE]
        slugs = slugs_of(session, [entry.object_id for entry in page if entry.object_kind == "article"])
    return render_desk(
        "audit_log.html",
        entries=[_shown(entry, names, slugs) for entry in page],
        wanted=wanted,
        people=names,
        groups=audit.GROUPS,
        older=page[-1].id if len(found) > PAGE_SIZE else None,
        kept_for=settings.audit_kept_for.days,
        query={name: value for name, value in request.args.items() if name in ("who", "what", "since") and value},
    )


@desk.get("/audit-log.csv")
@needs(Right.PEOPLE)
def audit_log_csv() -> Response:
    """All entries that fit the filters, as CSV."""
    response = Response("".join(_csv_lines(_wanted())), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename="audit-log.csv")
    return response


def _csv_lines(wanted: AuditFilter) -> Iterator[str]:
    head = ("happened_at", "actor", "person", "action", "object", "object_number", "details")
    yield _csv_line(head)
    with runtime().db.reading() as session:
        for entry in audit_entries.all_entries(session, wanted, runtime().settings.timezone):
            details = " ".join(f"{name}={value}" for name, value in sorted(entry.details.items()))
            numbers = ("" if number is None else str(number) for number in (entry.staff_member_id, entry.object_id))
            person, object_number = numbers
            yield _csv_line(
                (
                    entry.happened_at.isoformat(timespec="seconds"),
                    entry.actor_kind,
                    person,
                    entry.action,
                    entry.object_kind or "",
                    object_number,
                    details,
                )
            )


def _csv_line(cells: tuple[str, ...]) -> str:
    line = StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _wanted() -> AuditFilter:
    """The filters of the address; what cannot be read is left out."""
    args = request.args
    group = args.get("what", "")
    return AuditFilter(
        member_id=parse_number(args.get("who", "")),
        group=group if group in audit.GROUPS else "",
        since=parse_day(args.get("since", "")),
        before=parse_number(args.get("before", "")),
    )


def _shown(entry: AuditEntry, names: dict[int, str], slugs: dict[int, str]) -> ShownEntry:
    local = entry.happened_at.astimezone(runtime().settings.timezone)
    if entry.staff_member_id is not None:
        who = _person(entry.staff_member_id, names)
    else:
        who = audit.ACTOR_WORDS.get(entry.actor_kind, "")
    words = audit.ACTION_WORDS.get(entry.action, entry.action)
    details = dict(entry.details)
    if entry.action == AuditAction.DIGEST_TESTED:
        details["to"] = _person(int(details["to"]), names)
    return ShownEntry(
        local.date(), f"{local:%H:%M:%S}", who, words % details, _object(entry, names), _path(entry, slugs)
    )


def _person(number: int, names: dict[int, str]) -> str:
    return names.get(number, f"#{number}")


def _object(entry: AuditEntry, names: dict[int, str]) -> str:
    if entry.object_kind is None or entry.object_id is None:
        return ""
    if entry.object_kind == "staff_member":
        return _person(entry.object_id, names)
    words = audit.OBJECT_WORDS.get(entry.object_kind, "%(number)s")
    return words % {"number": f"{entry.object_id:,}"}


def _path(entry: AuditEntry, slugs: dict[int, str]) -> str:
    if entry.object_kind == "article" and entry.object_id in slugs:
        return url_for("desk.story", slug=slugs[entry.object_id])
    return url_for("desk.compose", number=entry.object_id) if entry.object_kind == "digest" else ""
