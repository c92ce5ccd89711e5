"""Corrections follow the reader: the next digest tells exactly those who were sent the mistake, each of them once."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, update

from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.models import Revision, RevisionKind
from newsletter.cli import cli
from newsletter.core import clock, public_paths
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.ids import DigestId
from newsletter.delivery.freezing import freeze
from newsletter.delivery.ledger import claims
from newsletter.delivery.ledger.models import Batch, BatchState, RenderedDigestRow
from newsletter.delivery.ledger.outcome_bytes import Outcomes
from newsletter.delivery.ledger.resolving import resolve_by_editor
from newsletter.delivery.reports.told import corrections_to_come, told_by
from newsletter.digests import correcting, draft_articles, lifecycle, preflight, scheduling
from newsletter.digests.findings import blocking
from newsletter.digests.models import Digest, DigestCorrection
from newsletter.digests.queries import get_digest
from newsletter.digests.rendering import RenderedDigest
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, REFUSED
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from tests.factories import add_article, add_digest

Mails = dict[int, str]
"""The text of the mail that each reader got, by number."""


def add_readers(db: Database, *preferences: Preferences) -> list[int]:
    """One reader for each; their numbers."""
    with db.transaction() as session:
        first = len(list(session.scalars(select(Subscriber.id))))
        rows = [ImportedReader(f"r{first + n}@readers.example", each) for n, each in enumerate(preferences)]
        import_rows(session, rows)
        return list(session.scalars(select(Subscriber.id).order_by(Subscriber.id)))[first:]


def correct(db: Database, slug: str, note: str, *, serious: bool = False) -> None:
    with db.transaction() as session:
        fields = {"dek": f"Put right, {len(note)}{sum(note.encode())}."}
        assert revising.revise(session, slug, fields, Change(RevisionKind.CORRECTION, note, serious=serious))


def send(db: Database, settings: Settings, digest_id: int, outcome: Callable[[int], int] = lambda _: ACCEPTED) -> Mails:
    """Send a draft; `outcome` says what becomes of each reader's mail. Mails that were not refused."""
    with db.transaction() as session:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert freeze.freeze_digest(db, settings, digest_id)
    mails = {}
    with db.transaction() as session:
        while (claim := claims.claim_batch(session)) is not None:
            outcomes = Outcomes(claim.outcomes)
            row = session.scalars(
                select(RenderedDigestRow.content).where(
                    RenderedDigestRow.digest_id == digest_id, RenderedDigestRow.language == claim.edition.language
                )
            ).one()
            rendered = RenderedDigest.from_json(row)
            for position in outcomes.open_positions():
                outcomes.record(position, outcome(claim.ids[position]))
                if outcomes[position] != REFUSED:
                    mails[claim.ids[position]] = text_of(rendered, claim.edition.mask)
            assert claims.mark_sending(session, claim, outcomes, seconds=60)
            assert claims.finish_batch(session, claim, outcomes)
    return mails


def text_of(rendered: RenderedDigest, mask: int) -> str:
    html, text = rendered.edition(mask)
    for told in ("Corrected since we wrote to you", "We wrote you something that was wrong"):
        assert (told in html) == (told in text)
    return f"{rendered.subject_of(mask)}\n{text}"


def told(mails: Mails, note: str) -> set[int]:
    """The readers whose mail holds a correction's sentence."""
    return {reader for reader, text in mails.items() if note in " ".join(text.split())}


def test_the_next_digest_tells_exactly_those_who_were_sent_the_mistake(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story", section="Policy")
    add_article(db, "Another story", section="Research")
    both, policy, research, _ = add_readers(
        db,
        Preferences(),
        Preferences(sections=("Policy",)),
        Preferences(sections=("Research",)),
        Preferences("monthly"),
    )
    send(db, settings, add_digest(db))
    correct(db, story, "It was 38, not 36.")
    (late,) = add_readers(db, Preferences())
    with db.reading() as session:
        draft = get_digest(session, weekly := add_digest(db))
        (to_come,) = corrections_to_come(session, settings, draft)
        assert (to_come.revision.note, to_come.readers) == ("It was 38, not 36.", 2)
    mails = send(db, settings, weekly)
    assert set(mails) == {both, policy, research, late}
    assert told(mails, "It was 38, not 36.") == {both, policy}
    assert "Corrected since we wrote to you" not in mails[late]
    assert f"/articles/{story}/revisions" in mails[both]
    again = send(db, settings, add_digest(db))
    assert told(again, "It was 38, not 36.") == set()
    assert told(send(db, settings, add_digest(db, cadence=Cadence.MONTHLY)), "It was 38, not 36.") == set()
    with db.reading() as session:
        (revision_id,) = session.scalars(select(DigestCorrection.revision_id))
        assert [(each.digest_id, each.readers) for each in told_by(session, [revision_id])[revision_id]] == [
            (weekly, 2)
        ]


def test_a_reader_who_changed_cadence_is_told_by_the_other_one(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    stays, moves = add_readers(db, Preferences(), Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, "It was 38, not 36.")
    change(db, moves, cadence=Cadence.MONTHLY)
    assert told(send(db, settings, add_digest(db, cadence=Cadence.MONTHLY)), "It was 38, not 36.") == {moves}
    assert told(send(db, settings, add_digest(db)), "It was 38, not 36.") == {stays}


def test_readers_without_a_story_hear_of_serious_corrections_alone(db: Database, settings: Settings) -> None:
    slight, grave = add_article(db, "A slight one", section="Policy"), add_article(db, "A grave one", section="Policy")
    (reader,) = add_readers(db, Preferences(sections=("Policy",)))
    send(db, settings, add_digest(db))
    add_article(db, "Other news", section="Research")
    correct(db, slight, "A comma was missing.")
    correct(db, grave, "Nobody died.", serious=True)
    change(db, reader, sections=["Research"])
    with db.transaction() as session:
        session.execute(update(Revision).where(Revision.title == "Other news").values(section="Hardware"))
    mails = send(db, settings, add_digest(db))
    assert told(mails, "Nobody died.") == {reader}
    assert told(mails, "A comma was missing.") == set()
    assert mails[reader].startswith("Correction: A grave one\n")
    assert "Other news" not in mails[reader]
    change(db, reader, sections=["Hardware"])
    mails = send(db, settings, add_digest(db))
    assert told(mails, "A comma was missing.") == {reader}
    assert told(mails, "Nobody died.") == set()


def test_a_refused_mail_told_nobody_and_one_in_doubt_perhaps(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    readers = add_readers(db, *[Preferences()] * 3)
    never_sent, refused, doubted = readers
    send(db, settings, add_digest(db), lambda reader: REFUSED if reader == never_sent else ACCEPTED)
    correct(db, story, "It was 38, not 36.")
    outcomes = {refused: REFUSED, doubted: IN_DOUBT}
    weekly = add_digest(db)
    mails = send(db, settings, weekly, lambda reader: outcomes.get(reader, ACCEPTED))
    assert told(mails, "It was 38, not 36.") == {doubted}
    assert told(send(db, settings, add_digest(db)), "It was 38, not 36.") == {refused}
    with db.transaction() as session:
        in_doubt = session.scalars(select(Batch.id).where(Batch.state == BatchState.IN_DOUBT)).one()
        resolve_by_editor(session, DigestId(weekly), in_doubt, was_sent=True)
    assert told(send(db, settings, add_digest(db)), "It was 38, not 36.") == set()


def test_only_the_newest_correction_of_a_story_is_told(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, "The first sentence.")
    correct(db, story, "The second sentence.")
    mails = send(db, settings, add_digest(db))
    assert (told(mails, "The first sentence."), told(mails, "The second sentence.")) == (set(), {reader})
    correct(db, story, "The third sentence.")
    assert told(send(db, settings, add_digest(db)), "The third sentence.") == {reader}


def test_a_withdrawal_is_told_unless_it_was_taken_back(db: Database, settings: Settings) -> None:
    gone, back = add_article(db, "Gone"), add_article(db, "Back")
    add_article(db, "Stays")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    with db.transaction() as session:
        for slug in (gone, back):
            revising.withdraw(session, slug, f"We withdraw {slug}.")
        assert revising.revise(session, back, {}, Change(RevisionKind.UPDATE, "It stands."))
    mails = send(db, settings, add_digest(db))
    assert told(mails, f"We withdraw {gone}.") == {reader}
    assert told(mails, f"We withdraw {back}.") == set()
    assert "withdrawn" in mails[reader]


def test_breaking_news_carries_none(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences(breaking=True))
    send(db, settings, add_digest(db))
    correct(db, story, "It was 38, not 36.", serious=True)
    assert told(send(db, settings, add_digest(db, cadence=Cadence.BREAKING)), "It was 38, not 36.") == set()
    assert told(send(db, settings, add_digest(db)), "It was 38, not 36.") == {reader}


@pytest.mark.parametrize(("stories", "first"), [(12, 10), (60, 3)])
def test_what_does_not_fit_waits_serious_ones_first(db: Database, settings: Settings, stories: int, first: int) -> None:
    slugs = [add_article(db, f"Story number {number}") for number in range(stories)]
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    order = []
    for number, slug in enumerate(slugs[:12]):
        with clock.set_to(clock.now() - timedelta(days=1) + timedelta(minutes=number)):
            correct(db, slug, f"Sentence {number}, put right.", serious=number == 11)
        order.append(number)
    order.insert(0, order.pop())
    mails = [send(db, settings, add_digest(db)) for _ in range(2)]
    for number in range(12):
        heard = [told(each, f"Sentence {number}, put right.") == {reader} for each in mails]
        place = order.index(number)
        assert heard == [place < first, first <= place < first + (10 if stories == 12 else 3)]


def test_a_correction_that_makes_a_digest_too_large_waits(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    slugs = [add_article(db, f"Story number {number}") for number in range(4)]
    (reader,) = add_readers(db, Preferences())
    first = add_digest(db)
    with db.reading() as session:
        row = get_digest(session, first)
    send(db, settings, first)
    with db.reading() as session:
        content = session.scalars(select(RenderedDigestRow.content)).one()
        size = RenderedDigest.from_json(content).most_html_bytes
        assert row.status
    for slug in slugs:
        correct(db, slug, f"{slug} was wrong.")
    monkeypatch.setattr(preflight, "LARGEST", size + 2_200)
    mails = send(db, settings, add_digest(db))
    heard = [slug for slug in slugs if told(mails, f"{slug} was wrong.")]
    assert 0 < len(heard) < 4
    assert heard == slugs[: len(heard)]
    mails = send(db, settings, add_digest(db))
    assert told(mails, f"{slugs[len(heard)]} was wrong.") == {reader}
    assert told(mails, f"{slugs[0]} was wrong.") == set()


# Corrections at once


def test_a_serious_correction_is_mailed_at_once_to_those_who_still_read(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story", section="Policy")
    add_article(db, "Another story", section="Research")
    day = clock.now().date() + timedelta(days=30)
    policy = Preferences(sections=("Policy",))
    weekly, paused, gone, research = add_readers(db, policy, policy, policy, Preferences(sections=("Research",)))
    (monthly,) = add_readers(db, Preferences("monthly"))
    send(db, settings, add_digest(db))
    change(db, paused, paused_until=day)
    change(db, gone, status="unsubscribed", unsubscribed_at=clock.now())
    correct(db, story, "Nobody died.", serious=True)
    with db.transaction() as session:
        draft = correcting.draft_correction(session, story)
        digest_id = draft.id
        assert (draft.cadence, draft.subject) == (Cadence.CORRECTION, "Correction: A story")
        assert blocking(preflight.check_digest(session, settings, draft)) == []
        with pytest.raises(ConflictError):
            correcting.draft_correction(session, story)
        with pytest.raises(InvalidError):
            draft_articles.add_article(session, digest_id, story, by=OPERATOR)
    mails = send(db, settings, digest_id)
    assert set(mails) == told(mails, "Nobody died.") == {weekly, paused}
    assert mails[weekly].startswith("Correction: A story\n")
    assert "sent you the story that it corrects" in " ".join(mails[weekly].split())
    following = send(db, settings, add_digest(db))
    assert set(following) == {weekly, research}
    assert told(following, "Nobody died.") == set()
    with db.reading() as session:
        name = get_digest(session, digest_id).letter_name
        assert name is not None
        assert name.endswith("-correction")
        assert monthly not in mails


def test_the_letter_of_a_correction_shows_it(app: Flask, db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, "Nobody <died>.", serious=True)
    with db.transaction() as session:
        digest_id = correcting.draft_correction(session, story).id
    send(db, settings, digest_id)
    with db.reading() as session:
        path = public_paths.letter(get_digest(session, digest_id).letter_name or "")
    client = app.test_client()
    page = client.get(path).text
    assert "Corrected since we wrote to you" in page
    assert "Nobody &lt;died&gt;." in page
    assert "Nobody &lt;died&gt;." in client.get(f"{path}/mail").text
    assert "Nobody <died>." in client.get(f"{path}/text").text
    assert client.get(f"{path}/mail?language=de").status_code == 200
    assert f'Told to 1 reader in the <a href="{path}">letter of' in client.get(public_paths.history(story)).text


def test_the_command_drafts_a_correction(app: Flask, db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    add_readers(db, Preferences(), Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, "Nobody died.", serious=True)

    def run(*words: str) -> Result:
        return app.test_cli_runner().invoke(cli, ["digests", *words])

    drafted = run("correct", story)
    assert (drafted.exit_code, drafted.output) == (0, "Draft 2: Correction: A story, for 2 readers\n")
    shown = run("show", "2").output
    assert "Readers who would now be told of a correction:\n        2  A story: Nobody died." in shown
    assert run("correct", "unknown").exit_code != 0
    send(db, settings, 2)
    assert "Readers who are told of a correction:\n        2  A story" in run("show", "2").output


def test_only_a_serious_correction_is_mailed_at_once(db: Database) -> None:
    story = add_article(db, "A story")
    with db.transaction() as session, pytest.raises(ConflictError):
        correcting.draft_correction(session, story)
    correct(db, story, "A comma was missing.")
    with db.transaction() as session, pytest.raises(ConflictError):
        correcting.draft_correction(session, story)


def test_a_draft_of_an_outdated_correction_is_refused_until_it_is_refreshed(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    (reader,) = add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, "Nobody died.", serious=True)
    with db.transaction() as session:
        digest_id = correcting.draft_correction(session, story).id
    correct(db, story, "Nobody was hurt.", serious=True)
    with db.transaction() as session, pytest.raises(InvalidError):
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    with db.transaction() as session:
        assert draft_articles.refresh_articles(session, digest_id, by=OPERATOR) == [story]
    assert told(send(db, settings, digest_id), "Nobody was hurt.") == {reader}


def test_a_cancelled_correction_may_be_drafted_again(db: Database) -> None:
    story = add_article(db, "A story")
    correct(db, story, "Nobody died.", serious=True)
    with db.transaction() as session:
        lifecycle.cancel(session, correcting.draft_correction(session, story).id, by=OPERATOR)
    with db.transaction() as session:
        assert correcting.draft_correction(session, story).id == 2


# Against a model


@dataclass
class Model:
    """The same by a list of what every reader got: slow, and plain."""

    sent: dict[str, list[tuple[int, set[int]]]] = field(default_factory=lambda: defaultdict(list))
    """For each story: its revision and the readers of each digest."""
    told: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))

    def untold(self, slug: str, revision: int, among: Iterable[int]) -> set[int]:
        had_mistake = {one for number, readers in self.sent[slug] for one in readers if number < revision}
        return (had_mistake & set(among)) - self.told[slug, revision]


@pytest.mark.parametrize("seed", range(3))
def test_random_weeks_tell_whom_a_plain_model_tells(db: Database, settings: Settings, seed: int) -> None:
    rng, model = random.Random(seed), Model()
    sections = ("Policy", "Research", "Models")
    slugs = [add_article(db, f"Story number {n}", section=sections[n % 3]) for n in range(5)]
    chosen = {n: rng.sample(sections, rng.randint(1, 3)) for n in range(12)}
    readers = add_readers(db, *(Preferences("weekly", tuple(each)) for each in chosen.values()))
    numbers, newest, serious = dict.fromkeys(slugs, 1), dict[str, int](), dict[str, bool]()
    for _ in range(4):
        for slug in rng.sample(slugs, rng.randint(0, 2)):
            numbers[slug] += 1
            newest[slug], serious[slug] = numbers[slug], rng.random() < 0.5
            correct(db, slug, f"{slug} at {numbers[slug]} was wrong.", serious=serious[slug])
        lost = set(rng.sample(readers, 3))
        mails = send(db, settings, add_digest(db), lambda one: REFUSED if one in lost else ACCEPTED)  # noqa: B023
        for slug, revision in newest.items():
            expected = model.untold(slug, revision, set(readers) - lost)
            assert told(mails, f"{slug} at {revision} was wrong.") == expected, (slug, revision)
            model.told[slug, revision] |= expected
        for n, slug in enumerate(slugs):
            got = {one for index, one in enumerate(readers) if sections[n % 3] in chosen[index]} - lost
            model.sent[slug].append((numbers[slug], got))


def change(db: Database, reader: int, **values: object) -> None:
    with db.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.id == reader).values(values))


def test_a_digest_that_was_frozen_holds_its_corrections(db: Database, settings: Settings) -> None:
    story = add_article(db, "A story")
    add_readers(db, Preferences())
    send(db, settings, add_digest(db))
    correct(db, story, "It was 38, not 36.")
    weekly = add_digest(db)
    send(db, settings, weekly)
    with db.reading() as session:
        digest = session.get_one(Digest, weekly)
        assert [(each.bit, each.revision.note) for each in digest.carried] == [(1, "It was 38, not 36.")]
