"""The demo's desk: colleagues, a story that one of them writes, a draft of a digest, and one that is scheduled, so that
the first page has something to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from newsletter.articles.drafts.content import DraftContent, DraftSource
from newsletter.articles.drafts.saving import begin_draft
from newsletter.core import clock, tokens
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.digests import composing, scheduling
from newsletter.digests.picked_articles import Rule
from newsletter.staff import factors, people
from newsletter.staff.rights import Role
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.preferences import Preferences

COLLEAGUES = (
    ("noor@dispatch.example", "Noor Haddad", Role.EDITOR),
    ("aiko@dispatch.example", "Aiko Nakamura", Role.AUTHOR),
)
STORY = DraftContent(
    title="A town library shows its readers what its chatbot was told",
    dek="The instructions hang beside the desk, and each change is signed and dated.",
    section="Open Source",
    points=("The library prints every instruction of its chatbot.", ""),
    body="Ask the **librarian**, says the last line of the sheet.",
    sources=(DraftSource("Harbour Wire", "What the machine was told", ""),),
)
"""A story that an author is still writing."""
STORIES = 4
"""Of the draft and of the scheduled digest."""
DAILY_READERS = 60
"""Those who get the draft, once it is sent."""
HOUR = time(7)


def add_sample_desk(session: Session, settings: Settings, since: date) -> None:
    """Add it, unless the colleagues are there. The stories are those since a day."""
    if people.find_member(session, people.email_key(COLLEAGUES[0][0])) is not None:
        return
    for email, name, role in COLLEAGUES:
        member = people.add_member(session, email, role, by=OPERATOR)
        factors.begin_set_up(session, member, name)
        if role is Role.AUTHOR:
            story = replace(STORY, date=_tomorrow(settings).date().isoformat())
            begin_draft(session, story, by=member.id, key=tokens.random_token())
    import_rows(session, _daily_readers())
    composing.compose_draft(session, Rule(Cadence.DAILY, since=since, limit=STORIES))
    weekly = composing.compose_draft(session, Rule(Cadence.WEEKLY, since=since, limit=STORIES))
    scheduling.schedule_digest(session, settings, weekly.id, _tomorrow(settings), by=OPERATOR)


def _daily_readers() -> Iterator[ImportedReader]:
    """Readers of the daily letter: most want all of it, some a section, some much trust."""
    for number in range(1, DAILY_READERS + 1):
        sections = ("Policy", "Safety") if number % 5 == 0 else None
        preferences = Preferences("daily", sections, min_trust=80 if number % 4 == 0 else 0)
        yield ImportedReader(f"daily{number:03}@readers.example", preferences)


def _tomorrow(settings: Settings) -> datetime:
    """Tomorrow morning, by the publication's clocks."""
    day = clock.today(settings.timezone) + timedelta(days=1)
    return datetime.combine(day, HOUR, settings.timezone)
