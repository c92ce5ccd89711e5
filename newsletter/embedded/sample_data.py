"""The demo's data: sample articles, 200 sample readers with various preferences, a digest for them, a correction of one
of its stories, and support.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from newsletter.articles import importing, page
from newsletter.core import public_paths
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.digests import composing, scheduling
from newsletter.digests.picked_articles import Rule
from newsletter.embedded import sample_correction, sample_desk, sample_support
from newsletter.public_record import monthly_figures, tallies
from newsletter.staff import factors, links, people
from newsletter.staff.models import StaffLinkPurpose
from newsletter.staff.rights import Role
from newsletter.subscribers.files import imported_readers as readers
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import Preferences

SAMPLES = Path(__file__).parent / "samples"
CORRECTED = SAMPLES / "04-brandt-und-soehne.txt"
"""The story that goes out with a mistake."""
READERS = 200
SINCE = date(2026, 4, 1)
"""The samples are stories of April and May 2026."""

LEAD = "musk-testifies-xai-used-model-distillation-with-openai-technology-in-courtroom"
SUBJECT = "Musk testifies that xAI distilled OpenAI's models"
INTRO = "This is the demo's letter: one real article of Dispatch and a handful of samples beside it."

ADMIN, ADMIN_NAME = "mara@dispatch.example", "Mara Weiss"
"""The admin of the demo's desk."""

_SECTIONS = (None, None, None, ("Policy", "Research"), ("Models",), ("Policy", "Safety"), ("Gardening",))
_MIN_TRUST = (0, 0, 0, 50, 60, 70, 80, 90)


class SampleCounts(NamedTuple):
    """How many articles and readers there are."""

    articles: int
    readers: int


def add_sample_data(db: Database, settings: Settings, count: int = READERS) -> SampleCounts:
    """Import the samples and `count` readers, and add payments. Existing ones stay as they are."""
    paths = sorted(SAMPLES.glob("*.txt"))
    for path in paths:
        with db.transaction() as session:
            if path == CORRECTED:
                sample_correction.add_mistaken(session, settings, path)
            else:
                importing.import_page(session, page.parse_page(path.read_bytes(), settings.hype_labels))
    with db.transaction() as session:
        readers.import_rows(session, sample_readers(count))
        sample_support.add_sample_support(session, settings)
    return SampleCounts(len(paths), count)


def compose_and_send(db: Database, settings: Settings) -> int:
    """Compose a weekly digest of all samples and send it now; its number."""
    with db.transaction() as session:
        rule = Rule(cadence=Cadence.WEEKLY, since=SINCE, limit=15)
        digest = composing.compose_draft(session, rule, intro=INTRO)
        composing.edit_draft(session, digest.id, lead=LEAD, subject=SUBJECT, by=OPERATOR)
        scheduling.send_now(session, settings, digest.id, by=OPERATOR)
        return digest.id


def correct_article(db: Database, settings: Settings) -> None:
    """Correct the story that went out with a mistake; done once, it stays as it is."""
    with db.transaction() as session:
        sample_correction.correct(session, settings, CORRECTED)


def desk_link(db: Database, settings: Settings) -> str:
    """A link that signs the demo's admin in at the desk, once and within an hour."""
    with db.transaction() as session:
        member = people.find_member(session, people.email_key(ADMIN))
        if member is None:
            member = people.add_member(session, ADMIN, Role.ADMIN, by=OPERATOR)
            factors.begin_set_up(session, member, ADMIN_NAME)
        token = links.make_link(session, settings.signing_keys, member, StaffLinkPurpose.DEMO)
        return settings.url(public_paths.desk_link(token))


def add_desk(db: Database, settings: Settings) -> None:
    """Add colleagues, a draft and a scheduled digest; existing ones stay as they are."""
    with db.transaction() as session:
        sample_desk.add_sample_desk(session, settings, SINCE)


def count_figures(db: Database, settings: Settings, digest_id: int) -> None:
    """Count for `/open` what was sent, so that nobody who looks at once has to wait for the clock's next minute."""
    with db.transaction() as session:
        tallies.tally_digest(session, settings, digest_id)
        monthly_figures.count_months(session, settings.timezone)


def sample_readers(count: int) -> Iterator[ImportedReader]:
    """Readers with different preferences. A few want nothing that the samples offer, and are skipped."""
    for number in range(1, count + 1):
        sections = _SECTIONS[number % len(_SECTIONS)]
        min_trust = _MIN_TRUST[number % len(_MIN_TRUST)]
        yield ImportedReader(f"reader{number:04}@readers.example", Preferences("weekly", sections, min_trust))
