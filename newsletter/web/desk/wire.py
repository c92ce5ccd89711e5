"""The wire: one line under the masthead of each page, about what goes out next and what is wrong.

Pages ask for it every ten seconds, by the version that they show (`live_parts`).
"""

from __future__ import annotations

from typing import NamedTuple

from flask import request, url_for

from newsletter.core import clock
from newsletter.core.cadence import COMPOSED_CADENCES
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.open_digests import OpenDigests, open_digests
from newsletter.delivery.reports.progress import SendingProgress, sending_progress
from newsletter.digests.models import Digest
from newsletter.digests.text import CADENCE_NAMES
from newsletter.web.desk.cached_findings import blocking_findings, known_findings
from newsletter.web.desk.cached_preferences import live_preferences
from newsletter.web.desk.digest_words import time_until, when
from newsletter.web.desk.sending_words import percent, remaining_time, rounded
from newsletter.web.desk.value_cache import ValueCache
from newsletter.web.desk.versions import version_of
from newsletter.web.language import page_language

_progress: ValueCache[int, SendingProgress] = ValueCache(10.0)
"""For as long as a page waits until it asks anew: a digest for a million readers has a thousand batches to count."""
_OPEN = "newsletter.open_digests"
NOTHING = gettext_noop("Nothing is scheduled")
SENDING = gettext_noop("Sending: %(name)s")
NEXT = gettext_noop("Next: %(name)s")
PERCENT = gettext_noop("%(percent)s %%")
RATE = gettext_noop("%(rate)s a second")
LEFT = gettext_noop("about %(time)s to go")
READERS = (gettext_noop("%(number)s reader"), gettext_noop("%(number)s readers"))
STAYS_HERE = gettext_noop("mails stay on this machine")
OPEN, DECIDE = gettext_noop("Open"), gettext_noop("Decide")
OVERDUE = gettext_noop("overdue")
PAUSED = gettext_noop("paused")
CLOCK_LATE = gettext_noop("the clock is not running")


class WireLine(NamedTuple):
    """The line. `facts` are short sentences without full stops; `warning` stands in a pill."""

    sentence: str
    facts: tuple[str, ...] = ()
    warning: str = ""
    path: str = ""
    """Where its one link leads to; empty without one."""
    link: str = OPEN
    now: str = ""
    """The time on the right, in the publication's zone."""

    @property
    def version(self) -> str:
        """It changes whenever the line does."""
        return version_of(self)


def open_digests_now() -> OpenDigests:
    """The digests that are on their way, read once in a request."""
    environ = request.environ
    if _OPEN not in environ:
        with runtime().db.reading() as session:
            environ[_OPEN] = open_digests(session)
            session.expunge_all()
    found: OpenDigests = environ[_OPEN]
    return found


def present_line(*, look_closely: bool = False) -> WireLine:
    """The line as it is now. `look_closely` runs the preflight of the next digest, and counts its readers, where that
    was not done lately."""
    found = open_digests_now()
    progress = None
    if found.sending:
        digest_id = found.sending[0].id
        progress = _progress.get(digest_id, lambda: _read_progress(digest_id))
    return _line_of(found, progress, look_closely=look_closely)._replace(now=_now())


def _read_progress(digest_id: int) -> SendingProgress:
    with runtime().db.reading() as session:
        return sending_progress(session, digest_id)


def _line_of(found: OpenDigests, progress: SendingProgress | None, *, look_closely: bool) -> WireLine:
    warning = _warning(found)
    if progress is not None:
        digest, facts = found.sending[0], _progress_facts(progress)
        path, link = url_for("desk.sending", number=digest.id), DECIDE if progress.doubts else OPEN
        return WireLine(_named(SENDING, digest), facts, warning, path, link)
    if found.scheduled:
        digest = found.scheduled[0]
        findings = blocking_findings(digest) if look_closely else known_findings(digest.id, digest.version)
        blocks = page_language().translations.ngettext(
            "%(n)s finding blocks it", "%(n)s findings block it", len(findings)
        )
        warning = warning or (blocks % {"n": len(findings)} if findings else "")
        facts = (*_times(digest), *_readers(digest, look_closely=look_closely))
        return WireLine(_named(NEXT, digest), facts, warning, url_for("desk.sending", number=digest.id))
    waiting = [*(digest for digest, _ in found.in_doubt), *found.overdue, *found.paused]
    path = url_for("desk.sending", number=waiting[0].id) if waiting else ""
    stays_here = (page_language().gettext(STAYS_HERE),) if runtime().settings.mail_transport == "maildir" else ()
    return WireLine(page_language().gettext(NOTHING), stays_here, warning, path, DECIDE if found.in_doubt else OPEN)


def _times(digest: Digest) -> tuple[str, ...]:
    """When a digest goes out, by the publication's clocks, and how long it is until then."""
    if digest.scheduled_at is None:
        return ()
    return (f"{when(digest.scheduled_at)} {_city()}", time_until(digest.scheduled_at))


def _readers(digest: Digest, *, look_closely: bool) -> tuple[str, ...]:
    """How many readers a digest has; nothing of a correction, which goes to those who were sent the mistake."""
    if digest.cadence not in COMPOSED_CADENCES:
        return ()
    counted = live_preferences(digest.cadence, is_poll=look_closely)
    return (page_language().counted(*READERS, counted.readers),) if counted else ()


def _warning(found: OpenDigests) -> str:
    """The worst that waits for somebody; empty when nothing does."""
    spoken = page_language()
    if doubted := found.batches_in_doubt:
        return spoken.counted("%(number)s batch in doubt", "%(number)s batches in doubt", doubted)
    if found.is_clock_late:
        return spoken.gettext(CLOCK_LATE)
    if found.overdue:
        return f"{name_of(found.overdue[0])} {spoken.gettext(OVERDUE)}"
    return f"{name_of(found.paused[0])} {spoken.gettext(PAUSED)}" if found.paused else ""


def _progress_facts(progress: SendingProgress) -> tuple[str, ...]:
    gettext = page_language().gettext
    shown = (gettext(PERCENT) % {"percent": percent(progress.accepted, progress.readers)},)
    left = remaining_time(progress)
    if not left:
        return shown
    rate = gettext(RATE) % {"rate": page_language().number(rounded(progress.rate or 0))}
    return (*shown, rate, gettext(LEFT) % {"time": left})


def name_of(digest: Digest) -> str:
    """ "weekly letter"."""
    return page_language().gettext(CADENCE_NAMES[digest.cadence])


def _named(text: str, digest: Digest) -> str:
    return page_language().gettext(text) % {"name": name_of(digest)}


def _now() -> str:
    now = clock.now().astimezone(runtime().settings.timezone)
    return f"{page_language().day(now.date())}, {now:%H:%M} {_city()}"


def _city() -> str:
    """The place whose clocks are meant: "Lisbon"."""
    return runtime().settings.timezone.key.rpartition("/")[2].replace("_", " ")
