"""The batches of a digest as a table, a page of them at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from flask import request
from flask.typing import ResponseReturnValue

from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.batch_progress import BatchProgress, batches_in_order, count_batches
from newsletter.digests.queries import get_digest
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk
from newsletter.web.desk.digest_words import digest_title, when
from newsletter.web.language import page_language
from newsletter.web.request_values import parse_number

ON_PAGE = 50
NUMBER = gettext_noop("number %(number)s")


class ShownBatch(NamedTuple):
    """A row of the table, all of it in words."""

    place: str
    number: str
    phase: str
    readers: str
    accepted: str
    refused: str
    attempted: str
    waits_until: str
    note: str


@desk.get("/digests/<int:number>/batches")
@needs(Right.WRITE)
def batches(number: int) -> ResponseReturnValue:
    """A page of the table; `after` is the number of batches on those before it."""
    after = parse_number(request.args.get("after", "")) or 0
    with runtime().db.reading() as session:
        digest = get_digest(session, number)
        total = count_batches(session, number)
        page = batches_in_order(session, number, after=after, most=ON_PAGE)
        title = digest_title(digest)
    following = after + ON_PAGE if total > after + ON_PAGE else None
    return render_desk(
        "batches.html",
        number=number,
        title=title,
        batches=list(_shown(page, after + 1)),
        total=total,
        after=after,
        before=max(after - ON_PAGE, 0),
        following=following,
    )


def _shown(page: Iterable[BatchProgress], first: int) -> Iterator[ShownBatch]:
    """The words and forms of numbers are asked for here: filters of a template ask for the language each time."""
    spoken, at = page_language(), cache(when)
    number, words = spoken.number, spoken.gettext(NUMBER)
    for place, batch in enumerate(page, first):
        yield ShownBatch(
            number(place),
            words % {"number": batch.id},
            batch.phase.replace("_", " "),
            *(number(batch.readers), number(batch.accepted), number(batch.refused)),
            at(batch.attempted_at) if batch.attempted_at else "",
            at(batch.not_before) if batch.open and batch.not_before else "",
            batch.note or "",
        )
