"""The things that need somebody, in words, the worst first, each with its remedy as a link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask import url_for

from newsletter.core import clock
from newsletter.core.languages import duration_in_units, gettext_noop
from newsletter.delivery.reports.open_digests import OpenDigests
from newsletter.digests.models import Digest, PausedReason
from newsletter.web.desk.cached_findings import blocking_findings
from newsletter.web.desk.digest_words import digest_title, has_page, when
from newsletter.web.language import page_language

MOST_CHECKED = 5
"""Scheduled digests that are looked at by the preflight, the next ones first."""

NOT_RUNNING = gettext_noop("Not running")
CLOCK = gettext_noop(
    "The clock has not looked for work since %(time)s: nothing starts until it runs (newsletter clock)."
)
NO_CLOCK = gettext_noop("The clock has not run yet: nothing starts until it does (newsletter clock).")
IN_DOUBT = gettext_noop("In doubt")
DOUBTS = (
    gettext_noop("one batch. Nobody knows whether the provider took it."),
    gettext_noop("%(number)s batches. Nobody knows whether the provider took them."),
)
DECIDE = gettext_noop("See the evidence and decide")
OVERDUE = gettext_noop("Overdue")
WAS_DUE = gettext_noop("it was due %(time)s and is %(late)s late: nothing was running then. It waits for you.")
SEND_OR_CANCEL = gettext_noop("Send it now, or cancel it")
RESTORED = gettext_noop("Restored")
MAY_BE_SENT = gettext_noop("a backup may have been restored, and more may have been sent than is known.")
FIND_OUT = gettext_noop("Look, and let it go on or cancel it")
STOPPED = gettext_noop("Stopped")
PAUSED = gettext_noop("Paused")
BY_EDITOR = gettext_noop("somebody paused it, and it waits.")
GO_ON = gettext_noop("Let it go on, or cancel the rest")
BLOCKS = gettext_noop("Blocks")
MEND = gettext_noop("Mend it")


class Need(NamedTuple):
    """One thing that waits for somebody. `tone` is the pill's: bad or care."""

    tone: str
    pill: str
    name: str
    """Of the digest; may be empty."""
    sentence: str
    remedy: str
    path: str


def list_needs(found: OpenDigests) -> list[Need]:
    """Everything that waits, the worst first."""
    return [*_clock(found), *_doubts(found), *_paused(found), *_blocked(found)]


def _clock(found: OpenDigests) -> Iterator[Need]:
    if found.is_clock_late:
        sentence = _(CLOCK, time=when(found.last_tick)) if found.last_tick else _(NO_CLOCK)
        yield Need("bad", _(NOT_RUNNING), "", sentence, "", "")


def _doubts(found: OpenDigests) -> Iterator[Need]:
    for digest, batches in found.in_doubt:
        path = url_for("desk.sending", number=digest.id, _anchor="doubt")
        yield Need("bad", _(IN_DOUBT), digest_title(digest), page_language().counted(*DOUBTS, batches), _(DECIDE), path)


def _paused(found: OpenDigests) -> Iterator[Need]:
    order = (PausedReason.OVERDUE, PausedReason.RESTORED, PausedReason.ERROR, PausedReason.EDITOR)
    for digest in sorted(found.paused, key=lambda each: order.index(each.paused_reason or PausedReason.EDITOR)):
        name, path = digest_title(digest), url_for("desk.sending", number=digest.id)
        match digest.paused_reason:
            case PausedReason.OVERDUE:
                yield Need("bad", _(OVERDUE), name, _late(digest), _(SEND_OR_CANCEL), path)
            case PausedReason.RESTORED:
                yield Need("bad", _(RESTORED), name, _(MAY_BE_SENT), _(FIND_OUT), path)
            case PausedReason.ERROR:
                yield Need("bad", _(STOPPED), name, digest.paused_note or "", _(FIND_OUT), path)
            case _:
                yield Need("care", _(PAUSED), name, _(BY_EDITOR), _(GO_ON), path)


def _late(digest: Digest) -> str:
    assert digest.scheduled_at is not None
    return _(WAS_DUE, time=when(digest.scheduled_at), late=duration_in_units(clock.now() - digest.scheduled_at))


def _blocked(found: OpenDigests) -> Iterator[Need]:
    for digest in found.scheduled[:MOST_CHECKED]:
        for finding in blocking_findings(digest):
            page = "desk.compose" if has_page("desk.compose") else "desk.schedule"
            path = url_for(page, number=digest.id, _anchor="preflight")
            yield Need("care", _(BLOCKS), digest_title(digest), f"{finding.sentence} {finding.advice}", _(MEND), path)


def _(text: str, **values: str) -> str:
    spoken = page_language().gettext(text)
    return spoken % values if values else spoken
