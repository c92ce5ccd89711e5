"""The first line of a digest that is being sent: its state in a sentence, with times and numbers, in this order of what
an editor has to know first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from newsletter.core import clock
from newsletter.core.languages import duration_in_units, gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.progress import SendingProgress
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from newsletter.web.desk.digest_words import time_until, transport_name, when
from newsletter.web.language import page_language

NOT_SCHEDULED = gettext_noop("It is a draft.")
SCHEDULED = gettext_noop("It goes out %(time)s, %(until)s.")
NOBODY_COUNTED = gettext_noop("Until then it can be changed; its readers are counted when it starts.")
FREEZING = gettext_noop("It starts.")
FREEZING_MORE = gettext_noop("The clock writes its readers down; that takes seconds.")
CLOCK_LATE = gettext_noop("It should have started by now: the clock may not be running. Nothing is lost.")
PAUSED = gettext_noop("Paused.")
PAUSED_BY = gettext_noop("Paused by %(name)s at %(time)s.")
PAUSED_FOR = {
    PausedReason.OVERDUE: gettext_noop("Overdue: its time passed while nothing was running."),
    PausedReason.ERROR: gettext_noop("Paused, since something is wrong."),
    PausedReason.RESTORED: gettext_noop("Paused: a backup may have been restored."),
}
CAN_BE_MENDED = gettext_noop("Mend it, then let it go on.")
MAY_BE_SENT = gettext_noop("More may have been sent than this database knows. Find out before you let it go on.")
SENT = gettext_noop("Sent.")
SENT_MORE = gettext_noop("%(accepted)s of %(readers)s accepted in %(time)s.")
CANCELLED = gettext_noop("Cancelled.")
CANCELLED_MORE = gettext_noop("Accepted for %(accepted)s, cancelled for %(cancelled)s.")
KEPT = gettext_noop("%(provider)s keeps %(accepted)s of %(readers)s mails until %(time)s.")
NO_WORKER = gettext_noop("No worker is running.")
NO_WORKER_MORE = gettext_noop("Nothing is lost; sending goes on as soon as one starts (newsletter worker).")
QUEUE_AWAY = gettext_noop(
    "The queue does not answer, so workers may not hear of this digest; the clock tells them again."
)
HELD = gettext_noop("Held: %(provider)s takes nothing until %(time)s.")
HELD_MORE = gettext_noop("Its last answer: “%(answer)s” It goes on by itself.")
DONE_BUT_DOUBTS = gettext_noop("All but what is in doubt is done.")
HOURS = gettext_noop("Waiting for their hour.")
HOURS_MORE = gettext_noop("Accepted for %(accepted)s; %(readers)s chose an hour, the next %(next)s at %(time)s.")
ACCEPTED = gettext_noop("%(percent)s %% is accepted.")
RATE = gettext_noop("%(rate)s mails a second; about %(time)s to go, until %(until)s.")
JUST_BEGUN = gettext_noop("How long it takes is known in a few seconds.")
DEFERRED_ONLY = gettext_noop("The rest was deferred by their mailboxes, and is tried again by itself.")
ONE_DOUBT, MANY_DOUBTS = gettext_noop("One batch waits for you."), gettext_noop("%(batches)s batches wait for you.")


class FirstLine(NamedTuple):
    """The state: a short sentence that stands out, and the rest."""

    state: str
    more: str = ""


class PausedBy(NamedTuple):
    """The person who paused a digest, and when."""

    name: str
    at: datetime


def first_line(digest: Digest, progress: SendingProgress, workers: int | None, paused_by: PausedBy | None) -> FirstLine:
    """The state of a digest. `workers` is how many are running; None while the queue does not answer."""
    match digest.status:
        case DigestStatus.DRAFT:
            return FirstLine(_(NOT_SCHEDULED))
        case DigestStatus.SCHEDULED:
            return _scheduled(digest)
        case DigestStatus.PAUSED:
            return _paused(digest, progress, paused_by)
        case DigestStatus.SENT:
            took = duration(digest.sent_at - digest.frozen_at) if digest.sent_at and digest.frozen_at else ""
            return FirstLine(_(SENT), _(SENT_MORE, accepted=progress.accepted, readers=progress.readers, time=took))
        case DigestStatus.CANCELLED:
            cancelled = sum(batch.cancelled for batch in progress.batches)
            more = _(CANCELLED_MORE, accepted=progress.accepted, cancelled=cancelled) if progress.batches else ""
            return FirstLine(_(CANCELLED), more)
    line, doubts = _sending(digest, progress, workers), len(progress.doubts)
    if not doubts:
        return line
    waits = _(ONE_DOUBT) if doubts == 1 else _(MANY_DOUBTS, batches=doubts)
    return FirstLine(line.state, f"{line.more} {waits}".strip())


def _scheduled(digest: Digest) -> FirstLine:
    assert digest.scheduled_at is not None
    if digest.scheduled_at > clock.now():
        line = _(SCHEDULED, time=when(digest.scheduled_at), until=time_until(digest.scheduled_at))
        return FirstLine(line, _(NOBODY_COUNTED))
    is_late = clock.now() - digest.scheduled_at > timedelta(seconds=30)
    return FirstLine(_(FREEZING), _(CLOCK_LATE if is_late else FREEZING_MORE))


def _paused(digest: Digest, progress: SendingProgress, paused_by: PausedBy | None) -> FirstLine:
    wait = sum(batch.open for batch in progress.batches)
    many = page_language().counted("%(number)s reader waits.", "%(number)s readers wait.", wait) if wait else ""
    if digest.paused_reason in PAUSED_FOR:
        advice = {PausedReason.ERROR: _(CAN_BE_MENDED), PausedReason.RESTORED: _(MAY_BE_SENT)}
        note = digest.paused_note if digest.paused_reason is PausedReason.ERROR else ""
        more = " ".join(filter(None, (note, many, advice.get(digest.paused_reason, ""))))
        return FirstLine(_(PAUSED_FOR[digest.paused_reason]), more)
    if paused_by is None:
        return FirstLine(_(PAUSED), many)
    return FirstLine(_(PAUSED_BY, name=paused_by.name, time=at_time(paused_by.at)), many)


def _sending(digest: Digest, progress: SendingProgress, workers: int | None) -> FirstLine:
    accepted, readers = progress.accepted, progress.readers
    if digest.provider_schedule and digest.scheduled_at and digest.scheduled_at > clock.now():
        time = when(digest.scheduled_at)
        return FirstLine(_(KEPT, provider=transport_name(), accepted=accepted, readers=readers, time=time))
    open_now = progress.open_now
    if open_now and not progress.is_under_way and workers == 0:
        return FirstLine(_(NO_WORKER), _(NO_WORKER_MORE))
    if progress.pause is not None:
        held = _(HELD, provider=transport_name(), time=at_time(progress.pause.until, seconds=True))
        return FirstLine(held, _(HELD_MORE, answer=progress.pause.note) if progress.pause.note else "")
    if not open_now and progress.next_hour is not None:
        wait, ahead = sum(batch.open for batch in progress.batches), progress.next_hour
        values = {"accepted": accepted, "readers": wait, "next": ahead.readers, "time": when(ahead.at)}
        return FirstLine(_(HOURS), _(HOURS_MORE, **values))
    if not open_now:
        return FirstLine(_(DONE_BUT_DOUBTS) if progress.doubts else _(FREEZING))
    return FirstLine(_(ACCEPTED, percent=percent(accepted, readers)), " ".join(_pace(progress, workers)))


def _pace(progress: SendingProgress, workers: int | None) -> Iterator[str]:
    if workers is None and not progress.is_under_way:
        yield _(QUEUE_AWAY)
    elif progress.rate and (left := remaining_minutes(progress)):
        yield _(RATE, rate=rounded(progress.rate), time=duration(left), until=at_time(clock.now() + left))
    elif all(not batch.open or batch.deferred == batch.open for batch in progress.batches):
        yield _(DEFERRED_ONLY)
    else:
        yield _(JUST_BEGUN)


def remaining_minutes(progress: SendingProgress) -> timedelta | None:
    """The time left in whole minutes, at least one, so that it changes once a minute; None where it is not known."""
    seconds = progress.remaining_seconds
    return None if seconds is None else timedelta(minutes=max(round(seconds / 60), 1))


def remaining_time(progress: SendingProgress) -> str:
    """The same in words; empty where it is not known."""
    left = remaining_minutes(progress)
    return duration(left) if left else ""


def percent(part: int, whole: int) -> int:
    """Whole per cent, rounded down: 100 only for all."""
    return 100 * part // whole if whole else 0


def rounded(rate: float) -> int:
    """Rounded to two digits, so that the page does not change with each poll: 6172 is 6200."""
    digits = max(len(str(int(rate))) - 2, 0)
    return max(round(rate, -digits).__int__(), 1)


def duration(time: timedelta) -> str:
    """ "41 s", "3 min 4 s", and without seconds from an hour on."""
    seconds = max(round(time.total_seconds()), 1)
    if seconds >= 3600:
        return duration_in_units(time)
    parts = [f"{seconds // 60}\u00a0min"] if seconds >= 60 else []
    return " ".join([*parts, f"{seconds % 60}\u00a0s"] if seconds % 60 else parts)


def at_time(moment: datetime, *, seconds: bool = False) -> str:
    """ "07:08" in the publication's zone, or "07:08:12"."""
    return f"{moment.astimezone(runtime().settings.timezone):{'%H:%M:%S' if seconds else '%H:%M'}}"


def _(text: str, **values: object) -> str:
    spoken = page_language()
    shown = {name: spoken.number(value) if isinstance(value, int) else value for name, value in values.items()}
    return spoken.gettext(text) % shown if shown else spoken.gettext(text)
