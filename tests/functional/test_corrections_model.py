"""The choice of corrections against a plain model: ledgers of all kinds, and the same answer computed reader by reader.

hypothesis writes histories: articles with revisions of every kind, digests that held them and carried corrections, and
an outcome for each reader. The model asks of each reader and article alone what the code does with masks and arrays.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.articles.models import CORRECTING, SAID, Article, PublishedBasis, Revision, RevisionKind
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.db import Database
from newsletter.core.ids import DigestId
from newsletter.delivery.freezing import carried_corrections
from newsletter.delivery.freezing.audience import Audience, AudienceKey
from newsletter.delivery.freezing.carried_corrections import assign_corrections, carry
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.creation import create_batches
from newsletter.delivery.ledger.models import Batch, Edition, EditionKey
from newsletter.digests import models
from newsletter.digests.models import Digest, DigestArticle, DigestCorrection
from newsletter.digests.pending_corrections import TOLD_WITHIN, pending_corrections
from newsletter.mail.formats import Format
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, IN_DOUBT, MOVED, OUTCOME_NAMES, WAITING

NOW = datetime(2026, 11, 24, 7, tzinfo=UTC)
READERS = range(1, 5)
MOST = 2
"""Corrections of a digest, so that some wait."""

KINDS = st.sampled_from([RevisionKind.CORRECTION, *CORRECTING, RevisionKind.CORRECTION, RevisionKind.UPDATE])
CODES = st.sampled_from([ACCEPTED, ACCEPTED, WAITING, IN_DOUBT]) | st.sampled_from([*OUTCOME_NAMES, MOVED])
MASKS = st.just(31) | st.integers(1, 31)
AGES = st.sampled_from([*(timedelta(days=day) for day in (0, 1, 2, 3)), TOLD_WITHIN])


@dataclass
class Written:
    """A revision to be."""

    kind: RevisionKind
    serious: bool
    age: timedelta


@dataclass
class Sent:
    """A digest to be: the revisions that it holds and carries, and for each reader its bits and the outcome."""

    holds: list[int]
    carries: list[int]
    readers: dict[int, tuple[int, int]]


@dataclass
class History:
    articles: list[list[Written]]
    digests: list[Sent]
    masks: dict[int, int]
    """The mask of stories of each reader of the next digest; it holds two."""


revisions = st.builds(Written, KINDS, st.booleans(), AGES)
sent = st.builds(
    Sent,
    st.lists(st.integers(0, 7), min_size=1, max_size=2, unique=True),
    st.lists(st.integers(0, 7), max_size=2, unique=True),
    st.dictionaries(st.sampled_from(READERS), st.tuples(MASKS, CODES), min_size=2),
)
histories = st.builds(
    History,
    st.lists(st.lists(revisions, min_size=1, max_size=2), min_size=1, max_size=4),
    st.lists(sent, min_size=2, max_size=5),
    st.dictionaries(st.sampled_from(READERS), st.integers(0, 3), min_size=3),
)


@pytest.fixture(autouse=True)
def few_numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two corrections for each digest, two looked at together, at a moment that stands still."""
    monkeypatch.setattr(models, "MOST_CORRECTIONS", MOST)
    monkeypatch.setattr(carried_corrections, "MOST_AT_ONCE", 2)
    with clock.set_to(NOW):
        yield


@hypothesis.settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories)
def test_each_reader_is_told_of_what_the_model_says(db: Database, history: History) -> None:
    with db.transaction() as session:
        _forget(session)
        _write(session, history)
        session.expire_all()
        digest = Digest(cadence=Cadence.WEEKLY, subject="The next", items=[])
        next_articles = [_article(session, 100 + number) for number in range(2)]
        digest.items = [DigestArticle(position=n, revision=each) for n, each in enumerate(next_articles)]
        session.add(digest)
        session.flush()
        corrected = assign_corrections(session, digest, pending_corrections(session, digest), _audience(history))
        wanted = _model(session, history)
        chosen = [each for each in _in_order(session) if any(each.id in ids for ids in wanted.values())][:MOST]
        assert list(corrected.corrections) == chosen
        for count in range(len(chosen) + 1):
            carried = carry(corrected, digest, count)
            told = {
                reader: {chosen[bit].id for bit in range(count) if key.edition.mask >> 2 + bit & 1}
                for key, ids in carried.items()
                for reader in ids
            }
            among = {each.id for each in chosen[:count]}
            assert told == {reader: wanted[reader] & among for reader in history.masks}
            for key, ids in carried.items():
                assert list(ids) == sorted(set(ids))
                assert {history.masks[reader] for reader in ids} == {key.edition.mask & 3}


class Mail(NamedTuple):
    """What a mail of a digest had for a reader, and its outcome."""

    stories: list[Revision]
    corrections: list[int]
    code: int


def _model(session: Session, history: History) -> dict[int, set[int]]:
    """The corrections that each reader waits for, from every mail that the ledger has of the reader."""
    corrections, mails = _in_order(session), _mails(session)
    return {
        reader: {
            each.id
            for each in corrections
            if any(_has_mistake(mail, each) for mail in mails[reader])
            and not any(_may_have_told(mail, each) for mail in mails[reader])
            and (stories or each.serious)
        }
        for reader, stories in history.masks.items()
    }


def _has_mistake(mail: Mail, correction: Revision) -> bool:
    earlier = [each for each in mail.stories if each.number < correction.number]
    return mail.code == ACCEPTED and correction.article_id in [each.article_id for each in earlier]


def _may_have_told(mail: Mail, correction: Revision) -> bool:
    return correction.id in mail.corrections and mail.code in (ACCEPTED, WAITING, DEFERRED, IN_DOUBT, *b"12")


def _mails(session: Session) -> dict[int, list[Mail]]:
    mails: dict[int, list[Mail]] = {reader: [] for reader in READERS}
    digests = {each.id: each for each in session.scalars(select(Digest))}
    rows = session.execute(select(Batch.recipients, Batch.outcomes, Batch.digest_id, Edition.mask).join(Batch.edition))
    for recipients, outcomes, digest_id, mask in rows:
        stories = [item.revision for item in digests[digest_id].items if mask >> item.position & 1]
        corrections = [each.revision_id for each in digests[digest_id].carried if mask >> each.bit & 1]
        for reader, code in zip(packing.unpack_ids(recipients), outcomes, strict=True):
            mails[reader].append(Mail(stories, corrections, code))
    return mails


def _in_order(session: Session) -> list[Revision]:
    """The newest correction of each article that stands and is recent: serious ones first, then the oldest."""
    newest = {}
    for revision in session.scalars(select(Revision).order_by(Revision.number)):
        stands = revision.kind in CORRECTING and (revision.is_current or not revision.is_withdrawal)
        if stands and revision.created_at > NOW - TOLD_WITHIN:
            newest[revision.article_id] = revision
    return sorted(newest.values(), key=lambda each: (not each.serious, each.published_at, each.id))


def _audience(history: History) -> Audience:
    audience: Audience = {}
    for reader, mask in sorted(history.masks.items()):
        key = AudienceKey(EditionKey(mask, "en", Format.HTML), None)
        audience.setdefault(key, array("q")).append(reader)
    return audience


def _write(session: Session, history: History) -> None:
    written = [each for number, article in enumerate(history.articles) for each in _revisions(session, number, article)]
    for sent_digest in history.digests:
        digest = Digest(cadence=Cadence.DAILY, subject="One before", frozen_at=NOW)
        holds = list(dict.fromkeys(written[number % len(written)] for number in sent_digest.holds))
        digest.items = [DigestArticle(position=bit, revision=revision) for bit, revision in enumerate(holds)]
        corrections = [each for each in written if each.kind in CORRECTING]
        chosen = [corrections[number % len(corrections)] for number in sent_digest.carries if corrections]
        carried = list(dict.fromkeys(chosen))
        digest.carried = [DigestCorrection(bit=len(holds) + n, revision=each) for n, each in enumerate(carried)]
        session.add(digest)
        session.flush()
        bits = (1 << len(holds) + len(carried)) - 1
        for reader, (mask, code) in sent_digest.readers.items():
            if mask & bits:
                key = EditionKey(mask & bits, "en", Format.HTML)
                _write_batch(session, digest.id, key, reader, code)


def _write_batch(session: Session, digest_id: int, key: EditionKey, reader: int, code: int) -> None:
    same = (Edition.digest_id == digest_id, Edition.mask == key.mask)
    edition = session.scalar(select(Edition).where(*same))
    if edition is None:
        ids = array("q", [reader])
        create_batches(session, DigestId(digest_id), [(key, None, ids)], provider_schedule=False)
        batch = session.scalars(select(Batch).join(Batch.edition).where(*same)).one()
    else:
        batch = Batch(digest_id=digest_id, edition=edition, first_id=reader, last_id=reader)
        batch.recipients = packing.pack_ids(array("q", [reader]))
        session.add(batch)
    batch.outcomes = bytes([code])
    session.flush()


def _revisions(session: Session, number: int, later: list[Written]) -> list[Revision]:
    """An article of a first revision and `later` ones; after a withdrawal only an update is possible."""
    found = [_article(session, number)]
    article = found[0].article
    for each in later:
        kind = RevisionKind.UPDATE if found[-1].is_withdrawal else each.kind
        found[-1].is_current = False
        session.flush()
        serious = kind == RevisionKind.WITHDRAWAL or (kind == RevisionKind.CORRECTION and each.serious)
        note = "Said." if kind in SAID else None
        found.append(_revision(article, len(found) + 1, kind, note, serious=serious, at=NOW - each.age))
        session.add(found[-1])
        session.flush()
    return found


def _article(session: Session, number: int) -> Revision:
    first = _revision(Article(slug=f"story-{number}"), 1, RevisionKind.FIRST, None, serious=False, at=NOW)
    session.add(first)
    session.flush()
    return first


def _revision(
    article: Article, number: int, kind: RevisionKind, note: str | None, *, serious: bool, at: datetime
) -> Revision:
    return Revision(
        article=article, number=number, is_current=True, kind=kind, note=note, serious=serious, published_at=at,
        created_at=at, published_at_basis=PublishedBasis.IMPORT, section="Policy", date=date(2026, 5, 2),
        title="A story", dek="", trust=69, hype="Some hype", source_count=1, sources_json=[], bullets=[], body="",
    )  # fmt: skip


def _forget(session: Session) -> None:
    for table in (Batch, Edition, DigestCorrection, DigestArticle, Digest, Revision, Article):
        session.execute(delete(table))
    session.expunge_all()
