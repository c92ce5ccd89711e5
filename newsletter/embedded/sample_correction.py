"""The demo's correction: a story goes out with a mistake in it, and is put right afterwards, in the open."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from newsletter.articles import importing, page
from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.core import clock
from newsletter.core.config import Settings

MISTAKES = (
    ("By March, 38 of 64 former employees", "By March, 36 of 64 former employees"),
    (
        "has offered 38 of 64 dismissed claims handlers their jobs back",
        "has rehired 36 of 64 dismissed claims handlers",
    ),
    (
        "38 have been offered their old positions at slightly higher pay, and 31 have accepted.",
        "36 have been offered their old positions at slightly higher pay.",
    ),
)
"""The words of the sample, and those that go out at first."""
NOTE = (
    "An earlier version said that 36 former employees were back. 38 of 64 were offered their old jobs, and 31 have"
    " accepted."
)
REPORTED = timedelta(minutes=41)
"""Before the correction."""


def add_mistaken(session: Session, settings: Settings, story: Path) -> None:
    """Import a sample as it was at first, unless it is there already."""
    text = story.read_text()
    for right, wrong in MISTAKES:
        text = text.replace(right, wrong)
    parsed = page.parse_page(text.encode(), settings.hype_labels)
    if importing.article_of_page(session, parsed) is None:
        importing.import_page(session, parsed)


def correct(session: Session, settings: Settings, story: Path) -> None:
    """Put it right; a story that is right stays as it is."""
    change = Change(RevisionKind.CORRECTION, NOTE, reported_at=clock.now() - REPORTED)
    importing.import_page(session, page.parse_page(story.read_bytes(), settings.hype_labels), change=change)
