"""Watching a digest: its state in a sentence, its batches, what is in doubt, and what was refused.

The page asks every two seconds for what has changed, and names the version that it shows. One read of the database a
second serves all pages that are open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import Response, render_template, request
from markupsafe import Markup
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from newsletter.core.errors import NewsletterError
from newsletter.core.languages import LANGUAGES, gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.reports.batch_progress import BatchProgress
from newsletter.delivery.reports.progress import EditionProgress, SendingProgress, sending_progress
from newsletter.delivery.reports.report import ReasonGroup, reason_groups
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import count_articles, get_digest
from newsletter.mail.formats import Format
from newsletter.staff import audit
from newsletter.staff.audit import AuditAction, digest_object
from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk
from newsletter.web.desk.digest_words import STATUS_WORDS, digest_title, transport_name
from newsletter.web.desk.live_parts import changed_parts
from newsletter.web.desk.sending_bar import SendingBar, sending_bar
from newsletter.web.desk.sending_words import FirstLine, PausedBy, first_line
from newsletter.web.desk.value_cache import ValueCache
from newsletter.web.desk.versions import version_of
from newsletter.web.language import page_language

MOST_DOUBTS = 20
"""Batches in doubt that the page shows at once; the others follow when these are decided."""
MOST_EDITIONS = 30

KIND_WORDS = {
    "refused": gettext_noop("refused"),
    EventKind.BOUNCED: gettext_noop("bounced"),
    EventKind.SOFT_BOUNCED: gettext_noop("bounced for a time"),
    EventKind.BLOCKED: gettext_noop("blocked"),
    EventKind.DROPPED: gettext_noop("dropped"),
    EventKind.COMPLAINED: gettext_noop("complained"),
}
NOTICES = {
    "scheduled": gettext_noop("It is scheduled."),
    "now": gettext_noop("It goes out now."),
    "paused": gettext_noop("It is paused. A batch that is being sent is finished first."),
    "resumed": gettext_noop("It goes on."),
    "cancelled": gettext_noop("The rest is cancelled."),
    "retried": gettext_noop("They are tried again."),
    "again": gettext_noop("The batch is sent again."),
    "accepted": gettext_noop("The batch counts as accepted."),
}
"""Notices of the page after an action, by its parameter `done`."""


class Sending(NamedTuple):
    """Everything that the page shows of a digest, and the version that it is known by.

    A million readers are a thousand batches, so it is read once a second, and at once after a change of the digest.
    """

    version: str
    digest: Digest
    stories: int
    progress: SendingProgress
    line: FirstLine
    bar: SendingBar
    drawn_bar: Markup
    tally: Mapping[str, int]
    """The readers by what became of them."""
    reasons: Sequence[ReasonGroup]


_shown: ValueCache[int, Sending] = ValueCache(1.0)
_workers: ValueCache[str, tuple[int | None]] = ValueCache(5.0)


@desk.get("/digests/<int:number>/sending")
@needs(Right.WRITE)
def sending(number: int) -> str:
    """The page."""
    return sending_page(number)


def current_sending(number: int) -> Sending:
    """The digest as it is, its batches as they were at most a second ago. Raises NotFoundError."""
    with runtime().db.reading() as session:
        version = get_digest(session, number).version
    found = _shown.find(number)
    return found if found and found.digest.version == version else _shown.put(number, _look(number))


def sending_page(number: int, error: NewsletterError | None = None) -> str:
    """The page, with what was done just now, or the reason why it was not."""
    done = NOTICES.get(request.args.get("done", ""), "")
    shown = _shown.put(number, _look(number)) if done or error else current_sending(number)
    return render_desk("sending.html", **_values(shown), done=done, error=error)


@desk.get("/digests/<int:number>/sending/changes")
@needs(Right.WRITE, is_activity=False)
def sending_changes(number: int) -> Response:
    """The live parts of the page, or 204 when it shows them already."""
    shown = _shown.get(number, lambda: _look(number))
    return changed_parts("_sending.html", shown.version, lambda: _values(shown))


def workers_running() -> int | None:
    """Workers that send digests, as of a few seconds ago; None while the queue does not answer."""
    kept = _workers.get("workers", _count_workers)[0]
    return _count_workers()[0] if kept == 0 else kept  # a worker that rested may have been started since


def stories_of_edition(edition: EditionProgress, stories: int) -> str:
    """Like "Stories 1, 2 and 4, German, plain text"."""
    spoken = page_language()
    held = [place + 1 for place in range(stories) if edition.mask >> place & 1]
    if not edition.mask:
        return spoken.gettext(gettext_noop("Nothing fits: no mail"))
    if not held:
        name = spoken.gettext(gettext_noop("Corrections alone"))
    elif len(held) == stories:
        name = spoken.counted("%(number)s story", "All %(number)s stories", stories)
    else:
        places = spoken.enumeration([str(place) for place in held])
        name = spoken.gettext(gettext_noop("Story %(places)s" if len(held) == 1 else "Stories %(places)s"))
        name %= {"places": places}
    more = [LANGUAGES.get(edition.language, edition.language)] if edition.language != "en" else []
    more += [spoken.gettext(gettext_noop("plain text"))] if edition.format == Format.TEXT else []
    return ", ".join([name, *more])


def _count_workers() -> tuple[int | None]:
    try:
        return (runtime().queues.workers(),)
    except RedisError:
        return (None,)


def _look(number: int) -> Sending:
    workers = workers_running()
    with runtime().db.reading() as session:
        digest = get_digest(session, number)
        progress = sending_progress(session, number)
        line = first_line(digest, progress, workers, _paused_by(session, digest))
        stories = count_articles(session, number)
        reasons = reason_groups(session, number) if progress.batches else ()
        session.expunge(digest)
    version = version_of(digest.version, line, stories, progress.batches, reasons)
    bar = sending_bar(progress.batches)
    drawn = Markup(render_template("desk/_sending_bar.html", bar=bar)) if bar.segments else Markup()  # noqa: S704
    return Sending(version, digest, stories, progress, line, bar, drawn, _tally(progress.batches), reasons)


def _paused_by(session: Session, digest: Digest) -> PausedBy | None:
    if digest.status != DigestStatus.PAUSED:
        return None
    entry = audit.last_entry(session, AuditAction.DIGEST_PAUSED, digest_object(digest.id))
    if entry is None or entry.staff_member_id is None:
        return None
    return PausedBy(audit.names(session)[entry.staff_member_id], entry.happened_at)


def _values(shown: Sending) -> dict[str, Any]:
    batches: Sequence[BatchProgress] = shown.progress.batches
    doubts, editions = shown.progress.doubts, shown.progress.editions
    return {
        "digest": shown.digest,
        "version": shown.version,
        "title": digest_title(shown.digest),
        "status_word": STATUS_WORDS[shown.digest.status],
        "line": shown.line,
        "bar": shown.bar,
        "drawn_bar": shown.drawn_bar,
        "progress": shown.progress,
        "tally": shown.tally,
        "unfit": sum(edition.readers for edition in shown.progress.editions if not edition.mask),
        "places": {batch.id: place for place, batch in enumerate(batches, 1)} if doubts else {},
        "doubts": doubts[:MOST_DOUBTS],
        "more_doubts": max(len(doubts) - MOST_DOUBTS, 0),
        "editions": [
            (each, stories_of_edition(each, shown.stories)) for each in shown.progress.editions[:MOST_EDITIONS]
        ],
        "more_editions": max(len(editions) - MOST_EDITIONS, 0),
        "reasons": shown.reasons,
        "kind_words": KIND_WORDS,
        "provider": transport_name(),
        "reports_later": runtime().settings.mail_transport == "sendgrid",
    }


def _tally(batches: Sequence[BatchProgress]) -> dict[str, int]:
    """The readers by what became of them. The parts add up to all of them; deferred ones do not count as waiting."""
    deferred = sum(batch.deferred for batch in batches)
    return {
        "readers": sum(batch.readers for batch in batches),
        "accepted": sum(batch.accepted for batch in batches),
        "waiting": sum(batch.open for batch in batches) - deferred,
        "deferred": deferred,
        "refused": sum(batch.refused for batch in batches),
        "skipped": sum(batch.skipped for batch in batches),
        "in_doubt": sum(batch.in_doubt for batch in batches),
        "cancelled": sum(batch.cancelled for batch in batches),
    }
