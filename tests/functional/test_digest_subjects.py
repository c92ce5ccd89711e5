"""The readers of each subject: counted before the freeze as the freeze would write them down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.cli.digests.contents_text import MOST_SUBJECTS, describe_subjects
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS, Settings
from newsletter.core.db import Database
from newsletter.delivery.freezing import audience, freeze
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.reports.subjects import SubjectCounts, count_subjects
from newsletter.digests import composing, scheduling
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import MOVED
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from tests.factories import add_article, add_digest, add_readers

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def readers(db: Database) -> None:
    """Readers of all kinds, and articles that leave each of them something else."""
    for number, (section, hype) in enumerate(zip(("Policy", "Safety", "Law"), HYPE_LABELS, strict=False)):
        add_article(db, f"Story {number}", section=section, hype=hype, trust=80 - number)
    for start, sections, min_trust in (
        (1, None, 0),
        (11, ["Safety"], 0),
        (21, ["Law", "Safety"], 79),
        (31, None, 99),
        (41, ["Gardening"], 0),
    ):
        add_readers(db, 10, start=start, sections=sections, min_trust=min_trust)
    today = clock.now().date()
    changes: dict[int, dict[str, Any]] = {
        1: {"status": SubscriberStatus.PENDING},
        2: {"paused_until": today + timedelta(days=30)},
        3: {"paused_until": today - timedelta(days=30)},
        4: {"cadence": "daily", "breaking": True},
        5: {"breaking": True, "max_hype": HYPE_LABELS[0], "language": "de"},
        11: {"format": "text", "language": "de"},
        12: {"hour": 7, "zone": "Europe/Berlin"},
        13: {"status": SubscriberStatus.UNSUBSCRIBED},
    }
    with db.transaction() as session:
        for number, values in changes.items():
            session.execute(update(Subscriber).where(Subscriber.id == number).values(**values))


def count(db: Database, settings: Settings, digest_id: int) -> SubjectCounts:
    with db.reading() as session:
        return count_subjects(session, settings, get_digest(session, digest_id))


@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize("cadence", [Cadence.WEEKLY, Cadence.BREAKING])
def test_the_draft_s_figures_are_those_of_the_freeze(db: Database, settings: Settings, cadence: Cadence) -> None:
    digest_id = add_digest(db, subject="Written", cadence=cadence)
    with db.transaction() as session:
        composing.edit_draft(session, digest_id, lead="story-1", by=OPERATOR)
    before = count(db, settings, digest_id)
    with db.reading() as session:
        digest = get_digest(session, digest_id)
        read = audience.read_audience(session, settings, cadence, digest.revisions, begins=clock.now())
    assert before.mailed + before.without_article == sum(len(ids) for ids in read.values())
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, digest_id)
    assert count(db, settings, digest_id) == before
    assert before.mailed > 0


@pytest.mark.usefixtures("readers")
def test_a_recipient_who_was_moved_to_another_batch_counts_once(db: Database, settings: Settings) -> None:
    digest_id = add_digest(db)
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    freeze.freeze_digest(db, settings, digest_id)
    before = count(db, settings, digest_id)
    with db.transaction() as session:
        batch = session.scalars(select(Batch).join(Batch.edition).order_by(Batch.id)).first()
        assert batch is not None
        batch.outcomes = bytes([MOVED]) + batch.outcomes[1:]
    after = count(db, settings, digest_id)
    assert before.mailed + before.without_article - after.mailed - after.without_article == 1


def test_rare_subjects_are_counted_together(db: Database, settings: Settings) -> None:
    for number in range(MOST_SUBJECTS + 4):
        add_article(db, f"Story {number}", section=f"Section {number}", trust=90 - number)
        add_readers(db, 20 - number, start=1 + 100 * number, sections=[f"Section {number}"])
    digest_id = add_digest(db, subject="Written")
    with db.reading() as session:
        digest = get_digest(session, digest_id)
        lines = describe_subjects(digest, count_subjects(session, settings, digest))
    assert lines[0] == "Subjects, of 144 readers:"
    assert [line.split(maxsplit=1) for line in lines[1:-1]] == [
        ["20", "Written (as written)"],
        *([str(20 - number), f"Story {number}"] for number in range(1, MOST_SUBJECTS + 1)),
        ["39", "one of 3 others"],
    ]
    assert lines[-1] == "Preheader: the edition's own headlines."
