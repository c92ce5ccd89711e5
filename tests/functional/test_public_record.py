"""The public record: what was sent is counted, whatever became of a batch, and /open shows nothing else."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, event, select, update

from newsletter.articles import importing, page, revising
from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.core import clock, public_paths
from newsletter.core.actors import WORKER
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.events.event_kinds import EventKind
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger import claims, recovery
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.digests.models import Digest
from newsletter.mail.public_copy import LEFT_OUT
from newsletter.mail.tracking import Tracking
from newsletter.operations import public_record
from newsletter.public_record.corrections import MonthOfCorrections
from newsletter.public_record.models import DigestTally, MonthlyFigures
from newsletter.public_record.months import months_of_record
from newsletter.subscribers.models import Subscriber
from tests.factories import REAL_ARTICLE, add_article, add_readers, hand_over, send_digest


def words(client: FlaskClient, language: str = "en") -> str:
    text = client.get(f"/open?language={language}").text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def tally_of(db: Database, digest_id: int) -> DigestTally:
    with db.reading() as session:
        return session.get_one(DigestTally, digest_id)


def count_all(*, hours: int = 0) -> None:
    """Let the clock count, so many hours from now."""
    with clock.set_to(clock.now() + timedelta(hours=hours)):
        public_record.tally_digests(runtime())
        public_record.count_months(runtime())


def send(db: Database, settings: Settings, *tracking: Tracking | None) -> int:
    """A digest of which each batch is accepted, with that tracking, and whose last batch is lost for None."""
    digest_id = send_digest(db, settings)
    with db.transaction() as session:
        for each in tracking:
            claim = claims.claim_batch(session)
            assert claim is not None
            outcomes = Outcomes(claim.outcomes)
            doubt = Outcomes(claim.outcomes).assume_in_doubt(range(len(outcomes)))
            assert claims.mark_sending(session, claim, doubt, 60, unrecorded_tracking=Tracking.UNKNOWN)
            if each is not None:
                outcomes.accept_open(range(len(outcomes)))
                assert claims.finish_batch(session, claim, outcomes, tracking=each)
        recovery.close_finished(session, by=WORKER)
    return digest_id


class TestTracking:
    """What is said of the provider's tracking, by the ledger's own order of events."""

    @pytest.fixture(autouse=True)
    def readers(self, db: Database) -> None:
        add_article(db, "A story", trust=90)
        add_article(db, "Another", trust=50)
        add_readers(db, 3)
        add_readers(db, 2, start=4, min_trust=80)

    def tracking(self, db: Database) -> list[Tracking | None]:
        with db.reading() as session:
            return list(session.scalars(select(Batch.tracking).order_by(Batch.id)))

    def test_each_batch_says_it(self, client: FlaskClient, db: Database, settings: Settings) -> None:
        digest_id = send(db, settings, Tracking.OFF, Tracking.OFF)
        count_all()
        tally = tally_of(db, digest_id)
        assert (tally.requests, tally.tracking_off, tally.accepted) == (2, 2, 5)
        assert "The email provider’s open and click tracking: off in 2 of 2 requests" in words(client)

    def test_finished_messages_say_so_too(self, client: FlaskClient, db: Database, settings: Settings) -> None:
        send(db, settings, Tracking.NOT_OFFERED, Tracking.NOT_OFFERED)
        count_all()
        assert "not in the messages that were handed over, in 2 of 2 batches" in words(client)

    def test_a_body_that_forgot_it_is_told(self, client: FlaskClient, db: Database, settings: Settings) -> None:
        send(db, settings, Tracking.OFF, Tracking.ON)
        count_all()
        assert "In doubt The email provider’s open and click tracking: off in 1 of 2 requests" in words(client)

    def test_a_request_of_which_nothing_is_known_is_no_good_one(
        self, client: FlaskClient, db: Database, settings: Settings
    ) -> None:
        """A worker dies in the request: until the clock takes the batch back, it counts for nothing, then as bad."""
        digest_id = send(db, settings, Tracking.OFF, None)
        count_all()
        assert (tally_of(db, digest_id).requests, tally_of(db, digest_id).in_doubt) == (1, 0)
        with db.transaction() as session:
            session.execute(update(Batch).where(Batch.state == "sending").values(lease_until=0))
            assert recovery.recover_lost(session, grace=0) == 1
        assert self.tracking(db) == [Tracking.OFF, Tracking.UNKNOWN]
        count_all(hours=1)
        tally = tally_of(db, digest_id)
        assert (tally.requests, tally.tracking_off, tally.in_doubt) == (2, 1, 2)
        assert "off in 1 of 2 requests. Of the others no record was kept." in words(client)

    def test_a_later_attempt_makes_no_earlier_one_good(self, db: Database, settings: Settings) -> None:
        send_digest(db, settings)
        with db.transaction() as session:
            for tracking in (Tracking.ON, Tracking.OFF):
                claim = claims.claim_batch(session)
                assert claim is not None
                outcomes = Outcomes(claim.outcomes)
                assert claims.mark_sending(session, claim, outcomes, 60, unrecorded_tracking=Tracking.UNKNOWN)
                assert claims.finish_batch(session, claim, outcomes, tracking=tracking)
        assert self.tracking(db)[0] == Tracking.ON

    def test_an_attempt_without_a_request_says_nothing(self, db: Database, settings: Settings) -> None:
        send_digest(db, settings)
        with db.transaction() as session:
            claim = claims.claim_batch(session)
            assert claim is not None
            outcomes = Outcomes(claim.outcomes)
            assert claims.mark_sending(session, claim, outcomes, 60, unrecorded_tracking=Tracking.UNKNOWN)
            assert claims.finish_batch(session, claim, outcomes)
        assert self.tracking(db)[0] is None


@pytest.fixture
def letter(app: Flask, db: Database, settings: Settings) -> int:
    add_article(db, "A story of “many” words & <signs>", trust=90)
    add_article(db, "Another", trust=50)
    add_readers(db, 3)
    add_readers(db, 2, start=4, min_trust=80)
    return hand_over(db, settings)


def test_with_nothing_in_it(client: FlaskClient) -> None:
    count_all()
    assert "No letter has been sent yet. The first one will be checked here." in words(client)
    assert "Nothing to count yet" in words(client)
    assert client.get("/open/letter.eml").status_code == 404
    assert len(client.get("/open/figures.csv").text.splitlines()) == 1


def test_the_last_letter_and_its_checks(client: FlaskClient, letter: int) -> None:
    count_all()
    found = words(client)
    assert "5 accepted · the commonest edition, as 3 readers got it" in found
    for check in (
        "None Remote images, pixels, fonts, style sheets: 0 found",
        "None Redirects: ",
        "None Addresses that tell readers apart, besides “preferences” and “unsubscribe”: 0 found",
        "None Campaign parameters (utm and",
    ):
        assert check in found
    assert "Found" not in found


def test_the_file_is_the_raw_message_whose_hash_stands_there(client: FlaskClient, db: Database, letter: int) -> None:
    count_all()
    answer = client.get("/open/letter.eml")
    raw = answer.get_data()
    shown = re.search(r"SHA-256 <code>([0-9a-f ]+)</code>", client.get("/open").text)
    assert shown is not None
    assert shown[1].replace(" ", "") == hashlib.sha256(raw).hexdigest()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert raw.startswith(b"Message-ID: (left out)\r\nTo: (left out)\r\nFrom: Dispatch <letters@dispatch.example>\r\n")
    assert f"/unsubscribe/{LEFT_OUT}>".encode() in raw
    with db.reading() as session:
        for reader in session.scalars(select(Subscriber)):
            assert reader.token.encode() not in raw
            assert reader.address.encode() not in raw
    assert f"({len(raw):,} bytes)" in words(client)


def test_the_copy_stays_as_it_was_made(client: FlaskClient, db: Database, letter: int) -> None:
    count_all()
    before = client.get("/open/letter.eml").get_data()
    with db.transaction() as session:
        importing.import_page(session, page.parse_page(REAL_ARTICLE.read_bytes(), ("Some hype",)))
    count_all(hours=1)
    assert client.get("/open/letter.eml").get_data() == before


def test_a_scheduled_letter_is_not_the_last_one_before_its_time(
    client: FlaskClient, db: Database, settings: Settings, letter: int
) -> None:
    with db.transaction() as session:
        session.get_one(Digest, letter).scheduled_at = clock.now() + timedelta(minutes=20)
    count_all()
    assert "No letter has been sent yet" in words(client)
    with clock.set_to(clock.now() + timedelta(minutes=30)):
        assert "5 accepted" in words(client)


def test_the_months(client: FlaskClient, db: Database, letter: int) -> None:
    with db.transaction() as session:
        readers = list(session.scalars(select(Subscriber).order_by(Subscriber.id)))
        readers[0].unsubscribed_at = clock.now()
        for reader, kind in ((readers[1], EventKind.BOUNCED), (readers[2], EventKind.COMPLAINED)):
            session.add(
                Event(
                    subscriber_id=reader.id,
                    digest_id=letter,
                    kind=kind,
                    dedupe_key="x",
                    reason="",
                    occurred_at=clock.now(),
                )
            )
    add_readers(db, 248, start=10)
    count_all()
    with db.reading() as session:
        (month,) = months_of_record(session, runtime().settings.timezone)
    assert (month.digests, month.accepted, month.readers) == (1, 5, 300)
    assert (month.bounced, month.complained, month.unsubscribed) == (1, 1, 1)
    assert month.complaints_per_thousand == 200


def test_a_month_is_kept_when_its_readers_are_gone(db: Database, letter: int) -> None:
    last_month = clock.now() - timedelta(days=70)
    with db.transaction() as session:
        session.get_one(Digest, letter).frozen_at = last_month
        session.scalars(select(Subscriber)).first().unsubscribed_at = last_month  # type: ignore[union-attr]
    count_all()
    with db.transaction() as session:
        session.execute(delete(Subscriber))
    count_all()
    with db.reading() as session:
        kept = {row.month: row for row in session.scalars(select(MonthlyFigures))}
    assert kept[last_month.date().replace(day=1)].unsubscribed == 1
    assert kept[last_month.date().replace(day=1)].readers is None


def test_corrections_say_from_when_their_time_is_measured(client: FlaskClient, db: Database) -> None:
    """One from its report, one from the story's publication, which is the day of its page; small changes count not."""
    slugs = [add_article(db, title) for title in ("One", "Two", "Three")]
    noon = datetime(2026, 5, 3, 12, tzinfo=UTC)
    with db.transaction() as session:
        reported = Change(
            RevisionKind.CORRECTION, "A number.", reported_at=noon, published_at=noon + timedelta(minutes=41)
        )
        revising.revise(session, slugs[0], {"dek": "Right"}, reported)
        revising.revise(session, slugs[1], {"dek": "Right"}, Change(RevisionKind.SMALL, published_at=noon))
    with clock.set_to(datetime(2026, 5, 20, tzinfo=UTC)):
        with db.reading() as session:
            (month,) = months_of_record(session, runtime().settings.timezone)
        assert (month.corrections.count, month.median_time) == (1, timedelta(minutes=41))
        assert "Median time to correct" in words(client)
        assert "1 41 min €0" in words(client)
        with db.transaction() as session:
            revising.withdraw(session, slugs[2], "It was wrong.", published_at=noon)
        assert "2 18 h 20 min†" in words(client)


@pytest.mark.parametrize(
    ("from_report", "from_publication", "median"),
    [((), (), None), ((1,), (), 1), ((1, 3), (8,), 3), ((), (2, 4), 3)],
)
def test_the_median_time(from_report: tuple[int, ...], from_publication: tuple[int, ...], median: int | None) -> None:
    month = MonthOfCorrections(
        tuple(timedelta(hours=each) for each in from_report), tuple(timedelta(hours=each) for each in from_publication)
    )
    assert month.median == (None if median is None else timedelta(hours=median))
    assert month.count == len(from_report) + len(from_publication)


def test_a_kept_page_is_made_anew_when_a_figure_changes(client: FlaskClient, db: Database, letter: int) -> None:
    assert "No letter has been sent yet" in words(client)
    public_record.tally_digests(runtime())
    assert "5 accepted" in words(client)
    assert "Readers" in words(client)
    before = words(client)
    public_record.count_months(runtime())
    assert words(client) != before
    assert "under 50" in words(client), "and not 0"


def test_counting_again_leaves_cached_pages_alone(db: Database, letter: int) -> None:
    count_all()
    version = db.public_version()
    count_all(hours=1)
    assert db.public_version() == version


def test_a_closed_letter_is_left_alone_after_a_day(db: Database, letter: int) -> None:
    count_all()
    first = tally_of(db, letter).tallied_at
    with clock.set_to(clock.now() + timedelta(days=2)):
        public_record.tally_digests(runtime())
    assert tally_of(db, letter).tallied_at == first


@pytest.fixture
def queries(db: Database) -> Iterator[list[str]]:
    found: list[str] = []

    def note(*given: object) -> None:
        if str(given[2]).startswith("SELECT"):
            found.append(str(given[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", [public_paths.OPEN, public_paths.OPEN_FIGURES, public_paths.OPEN_MESSAGE])
def test_no_page_asks_more_than_eight_times_or_reads_readers_and_batches(
    client: FlaskClient, letter: int, queries: list[str], path: str
) -> None:
    count_all()
    queries.clear()
    assert client.get(path).status_code == 200
    assert 0 < len(queries) <= 8
    assert not [query for query in queries if re.search(r"\b(subscribers|batches|events|editions)\b", query)]


def test_the_figures_as_csv(client: FlaskClient, db: Database, letter: int) -> None:
    count_all()
    answer = client.get("/open/figures.csv")
    (row,) = csv.DictReader(answer.text.splitlines())
    assert answer.mimetype == "text/csv"
    assert row["month"] == clock.now().strftime("%Y-%m")
    assert (row["letters"], row["accepted"], row["readers_rounded"], row["support"]) == ("1", "5", "0", "0")
