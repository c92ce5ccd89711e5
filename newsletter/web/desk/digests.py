"""All digests: what waits first, then what went out."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from flask import request

from newsletter.core.cadence import COMPOSED_CADENCES, Cadence
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.digests.models import DigestStatus
from newsletter.public_record.digest_list import ListedDigest, digest_page
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk
from newsletter.web.desk.cached_findings import known_findings
from newsletter.web.desk.digest_words import PAUSED_WORDS, STATUS_WORDS, digest_path
from newsletter.web.request_values import parse_number, parse_search

IN_DOUBT, BLOCKED = gettext_noop("in doubt"), gettext_noop("blocked")

E = TypeVar("E", bound=StrEnum)


@desk.get("/digests")
@needs(Right.WRITE)
def digests() -> str:
    """A page of the list; `before` is the number at which the one before it ended."""
    before = parse_number(request.args.get("before", ""))
    cadence, status = _among(Cadence, "cadence"), _among(DigestStatus, "status")
    words = parse_search(request.args.get("q", ""))
    with runtime().db.reading() as session:
        found, following = digest_page(session, before=before, cadence=cadence, status=status, words=words)
    query = {"cadence": cadence and cadence.value, "status": status and status.value, "q": words}
    return render_desk(
        "digests.html",
        digests=[(each, digest_path(each.id, each.status)) for each in found],
        older=following,
        before=before,
        chosen={"cadence": cadence, "status": status},
        words=words,
        query={name: value for name, value in query.items() if value},
        cadences=list(Cadence),
        composed=COMPOSED_CADENCES,
        status_words=STATUS_WORDS,
        remark=remark,
    )


def remark(digest: ListedDigest) -> str:
    """The word that stands beside the name of a digest which needs somebody; empty for others."""
    if digest.batches_in_doubt:
        return IN_DOUBT
    if digest.status == DigestStatus.SCHEDULED and known_findings(digest.id, digest.version):
        return BLOCKED
    return PAUSED_WORDS.get(digest.paused_reason, "") if digest.paused_reason else ""


def _among(kind: type[E], name: str) -> E | None:
    """A filter of the address; None for what is no value of it."""
    value = request.args.get(name, "")
    return kind(value) if value in list(kind) else None
