"""A correction's whole way through the real processes: published, sent, corrected, told, with workers killed meanwhile.

Who should be told is read from the mailboxes: those whose earlier mails had the story.
"""

from __future__ import annotations

import email
from collections import Counter
from collections.abc import Callable
from email import policy

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from newsletter.core import public_paths
from newsletter.core.actors import OPERATOR, READER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.reports.told import told_by
from newsletter.digests import correcting, scheduling
from newsletter.digests.models import DigestCorrection
from newsletter.digests.queries import get_digest
from newsletter.privacy import erasure
from newsletter.subscribers.account import unsubscribing
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, add_digest, state_of
from tests.services.corrections import add_readers, correct
from tests.services.processes import RunningService, on_one_machine
from tests.services.whole_days import KINDS

pytestmark = pytest.mark.parametrize("database_url", KINDS, indirect=True)

POLICY, RESEARCH = "The policy story", "The research story"
NOTE, GRAVE = "It was 38 employees, not 36.", "Nobody died in the fire."
EACH = 100
"""Readers of each kind: batches enough that a killed worker has one in hand."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return on_one_machine(settings)


class Mailboxes:
    """The mails of all readers, as they arrived."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.maildir / "new"

    def with_words(self, words: str) -> Counter[str]:
        """The number of mails with these words that each address got."""
        found: Counter[str] = Counter()
        for path in self._folder.iterdir():
            message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
            (text, _html) = message.iter_parts()
            found[message["To"]] += words in " ".join(text.get_content().split())
        return +found


def is_sent(db: Database, digest_id: int) -> Callable[[], bool]:
    return lambda: state_of(db, digest_id).status == "sent"


def send_now(db: Database, settings: Settings, digest_id: int) -> None:
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)


def send_and_kill(
    service: RunningService, db: Database, settings: Settings, digest_id: int, name: str, *, child: bool
) -> None:
    """Send a digest, and kill a worker on the way, or with `child` its process that sends."""
    before = len(list((settings.maildir / "new").iterdir()))
    send_now(db, settings, digest_id)
    service.until(lambda: len(list((settings.maildir / "new").iterdir())) > before, "the first mail")
    service.until(lambda: service.kill(name, child=child) or is_sent(db, digest_id)(), f"killing {name}")
    service.until(is_sent(db, digest_id), "the digest being sent")


def change_some(db: Database, settings: Settings) -> tuple[set[str], str]:
    """One reader of the policy story leaves, one is erased, one moves; the addresses that end, and the new one."""
    with db.transaction() as session:
        gone, erased, moved = session.scalars(select(Subscriber).order_by(Subscriber.id).limit(3))
        unsubscribing.unsubscribe(session, gone.token)
        erasure.erase_subscriber(session, settings.suppression_key, erased, by=READER)
        old, new = {gone.address, erased.address, moved.address}, "moved@elsewhere.example"
        session.execute(update(Subscriber).where(Subscriber.id == moved.id).values(address=new, address_key=new))
        return old, new


def test_from_the_mistake_to_the_last_reader(db: Database, settings: Settings, client: FlaskClient) -> None:
    policy_story = add_article(db, POLICY, section="Policy")
    research_story = add_article(db, RESEARCH, section="Research")
    first = add_digest(db)
    add_readers(db, *[Preferences(sections=("Policy",))] * EACH, *[Preferences(sections=("Research",))] * EACH)
    add_readers(db, *[Preferences()] * EACH)
    boxes = Mailboxes(settings)
    with RunningService(settings) as service:
        send_now(db, settings, first)
        service.until(is_sent(db, first), "the digest being sent")
        had_policy, had_research = set(boxes.with_words(POLICY)), set(boxes.with_words(RESEARCH))
        assert (len(had_policy), len(had_research), len(had_policy & had_research)) == (2 * EACH, 2 * EACH, EACH)
        old, new = change_some(db, settings)

        correct(db, policy_story, NOTE)
        with db.reading() as session:
            name = get_digest(session, first).letter_name
        assert NOTE in client.get(public_paths.letter(name or "")).text
        add_readers(db, *[Preferences()] * 10)
        weekly = add_digest(db)
        send_and_kill(service, db, settings, weekly, "worker-0", child=True)
        assert boxes.with_words(NOTE) == Counter((had_policy - old) | {new})

        correct(db, research_story, GRAVE, serious=True)
        with db.transaction() as session:
            correction = correcting.draft_correction(session, research_story).id
        now_has_research = set(boxes.with_words(RESEARCH))
        send_and_kill(service, db, settings, correction, "worker-1", child=False)
        assert boxes.with_words(GRAVE) == Counter(now_has_research)
        assert len(now_has_research) == 2 * EACH + 10

        last = add_digest(db)
        send_now(db, settings, last)
        service.until(is_sent(db, last), "the last digest being sent")
    assert set(boxes.with_words(NOTE).values()) == set(boxes.with_words(GRAVE).values()) == {1}
    with db.reading() as session:
        revisions = session.scalars(select(DigestCorrection.revision_id).order_by(DigestCorrection.digest_id)).all()
        counted = told_by(session, revisions)
    assert [[(each.digest_id, each.readers) for each in counted[revision]] for revision in revisions] == [
        [(weekly, 2 * EACH - 2)],
        [(correction, 2 * EACH + 10)],
    ]
