"""The lead of a draft through an editor's changes, and the texts that were written for another lead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from newsletter.articles import importing, page
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS, Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError, NotFoundError
from newsletter.digests import composing, draft_articles, preflight
from newsletter.digests.findings import Finding
from newsletter.digests.models import Digest
from newsletter.digests.picked_articles import Rule
from newsletter.digests.queries import get_digest
from tests.factories import REAL_ARTICLE, add_article

pytestmark = pytest.mark.usefixtures("app")

Act = Callable[[Session, int], object]


def add(slug: str, position: int | None = None) -> Act:
    return lambda session, id_: draft_articles.add_article(session, id_, slug, position=position, by=OPERATOR)


def drop(slug: str) -> Act:
    return lambda session, id_: draft_articles.drop_article(session, id_, slug, by=OPERATOR)


def move(slug: str, position: int) -> Act:
    return lambda session, id_: draft_articles.move_article(session, id_, slug, position, by=OPERATOR)


def refresh() -> Act:
    return lambda session, id_: draft_articles.refresh_articles(session, id_, by=OPERATOR)


def edit(**changes: Any) -> Act:
    return lambda session, id_: composing.edit_draft(session, id_, **changes, by=OPERATOR)


@pytest.fixture
def articles(db: Database) -> None:
    """In the order of a digest: a (trust 90), b (80), c (70); low (20) is below the trust of the digests here."""
    for title, trust in (("A", 90), ("B", 80), ("C", 70), ("Low", 20)):
        add_article(db, title, trust=trust)


@pytest.fixture
def change(db: Database, articles: None) -> Callable[..., Digest]:
    """Composes a draft of trust 60 with this subject (None: the default one), changes it, and reads it."""

    def change(*acts: Act, subject: str | None = None, **texts: Any) -> Digest:
        with db.transaction() as session:
            rule = Rule(Cadence.WEEKLY, since=date(2026, 1, 1), min_trust=60)
            digest_id = composing.compose_draft(session, rule, subject=subject, **texts).id
        for act in acts:
            with db.transaction() as session:
                act(session, digest_id)
        with db.reading() as session:
            digest = get_digest(session, digest_id)
            slug_of_lead(digest)  # loads its articles
        return digest

    return change


def slug_of_lead(digest: Digest) -> str | None:
    return digest.lead.slug if digest.lead else None


@pytest.mark.parametrize(
    ("acts", "lead"),
    [
        ([], "a"),
        ([drop("a")], "b"),
        ([move("a", 3)], "b"),
        ([move("c", 1)], "c"),
        ([add("low", 1)], "a"),  # first, and below the digest's trust
        ([edit(lead="c")], "c"),
        ([edit(lead="c"), move("c", 1)], "c"),
        ([edit(lead="c"), move("a", 3)], "c"),
        ([edit(lead="c"), add("low", 1)], "c"),
        ([edit(lead="c"), drop("a")], "c"),
        ([edit(lead="c"), drop("c")], "a"),
        ([edit(lead="c"), drop("c"), add("c")], "a"),
        ([edit(lead="c"), edit(lead="")], "a"),
        ([add("low"), drop("a"), drop("b"), drop("c")], None),
        ([drop("a"), drop("b"), drop("c")], None),
    ],
)
def test_the_lead_is_the_named_article_else_the_first_trusted_one(
    change: Callable[..., Digest], acts: list[Act], lead: str | None
) -> None:
    assert slug_of_lead(change(*acts)) == lead


@pytest.mark.parametrize(("lead", "error"), [("low", InvalidError), ("nowhere", NotFoundError)])
def test_such_a_lead_is_refused_and_nothing_changes(
    change: Callable[..., Digest], db: Database, lead: str, error: type[Exception]
) -> None:
    digest = change(add("low", 1), edit(lead="b"))
    with pytest.raises(error), db.transaction() as session:
        edit(lead=lead, subject="Never")(session, digest.id)
    with db.reading() as session:
        read = get_digest(session, digest.id)
        assert (slug_of_lead(read), read.subject, read.version) == ("b", "B", digest.version)


@pytest.mark.parametrize(
    ("acts", "subject"),
    [
        ([], "A"),
        ([edit(lead="c")], "C"),
        ([drop("a")], "B"),
        ([move("b", 1)], "B"),
        ([add("low", 1)], "A"),
        ([edit(lead="c"), drop("c")], "A"),
        ([edit(subject="Mine"), edit(lead="c"), drop("c")], "Mine"),
        ([edit(lead="c", subject="Mine")], "Mine"),
        ([drop("a"), drop("b"), drop("c"), add("c")], "C"),
    ],
)
def test_a_subject_that_is_the_lead_s_headline_follows_the_lead(
    change: Callable[..., Digest], acts: list[Act], subject: str
) -> None:
    assert change(*acts).subject == subject


@pytest.fixture
def findings(db: Database, settings: Settings) -> Callable[[Digest], list[Finding]]:
    def find(digest: Digest) -> list[Finding]:
        with db.reading() as session:
            found = preflight.check_digest(session, settings, get_digest(session, digest.id))
            return [each for each in found if each.code.startswith(("lead.", "text."))]

    return find


WRITTEN = {"subject": "On A", "preheader": "A, and more", "intro": "A first."}


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        ([], []),
        ([move("a", 1)], []),
        ([move("b", 3), add("low", 1)], []),
        ([drop("b")], []),
        ([refresh()], []),
        ([drop("a")], ["text.dropped_lead"]),
        ([move("a", 2)], ["text.other_lead"]),
        ([edit(lead="c")], ["text.other_lead"]),
        ([edit(lead="c"), edit(lead="")], []),
        ([edit(lead="c", **WRITTEN)], []),
        ([edit(lead="c"), edit(subject="On C")], ["text.other_lead"]),
        ([edit(lead="c"), edit(**WRITTEN)], []),
        ([edit(lead="c", subject="On C", preheader="", intro="")], []),
        ([edit(lead="c", **WRITTEN), drop("c")], ["text.dropped_lead"]),
        ([drop("a"), add("a", 1)], []),
        ([drop("a"), edit(**WRITTEN)], []),
    ],
)
def test_texts_that_were_written_for_another_lead_are_said(
    change: Callable[..., Digest], findings: Callable[[Digest], list[Finding]], acts: list[Act], found: list[str]
) -> None:
    assert [each.code for each in findings(change(*acts, **WRITTEN))] == found


def test_a_finding_names_the_texts_and_both_stories_and_blocks_nothing(
    change: Callable[..., Digest], findings: Callable[[Digest], list[Finding]]
) -> None:
    (finding,) = findings(change(drop("a"), subject="On A"))
    assert finding.sentence == "Written for “A”, which is no longer there: subject. Now the lead is “B”."
    assert (finding.where, finding.blocks) == ("texts", False)
    assert finding.values == {"texts": "subject", "slug": "a", "title": "A", "lead": "B"}
    (finding,) = findings(change(edit(lead="c"), edit(intro="C!"), **WRITTEN))
    assert finding.sentence == "Written when “A” was the lead: subject, preheader. Now the lead is “C”."
    two = findings(change(edit(lead="c"), edit(intro="C!"), edit(lead="b"), **WRITTEN))
    assert [each.values["texts"] for each in two] == ["subject, preheader", "intro"]


@pytest.mark.parametrize(("subject", "after", "found"), [("On A", "On A", ["text.other_headline"]), (None, "New", [])])
def test_a_refreshed_headline_is_the_new_subject_or_is_said(
    db: Database,
    change: Callable[..., Digest],
    findings: Callable[[Digest], list[Finding]],
    subject: str | None,
    after: str,
    found: list[str],
) -> None:
    digest = change(subject=subject)
    real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
    with db.transaction() as session:
        importing.import_page(session, replace(real, title="New", trust=90), slug="a")
        refresh()(session, digest.id)
    with db.reading() as session:
        assert get_digest(session, digest.id).subject == after
    assert [each.code for each in findings(digest)] == found
    assert all(
        each.sentence == "Written when the lead's headline was “A”: subject. Now it is “New”."
        for each in findings(digest)
    )


def test_a_named_lead_that_lost_its_trust_is_said(
    db: Database, change: Callable[..., Digest], findings: Callable[[Digest], list[Finding]]
) -> None:
    digest = change(edit(lead="c", subject="On C"))
    add_article(db, "C", trust=10)
    with db.transaction() as session:
        refresh()(session, digest.id)
    assert [(each.code, each.blocks) for each in findings(digest)] == [
        ("lead.below_trust", False),
        ("text.other_lead", False),
    ]
    assert findings(digest)[0].sentence == (
        "“C” was named as the lead, but has trust 10, below 60: now the lead is “A”."
    )
    with db.reading() as session:
        assert slug_of_lead(get_digest(session, digest.id)) == "a"


def test_a_digest_without_a_lead_says_so(
    change: Callable[..., Digest], findings: Callable[[Digest], list[Finding]]
) -> None:
    digest = change(add("low"), drop("a"), drop("b"), drop("c"), **WRITTEN)
    assert [(each.code, each.blocks) for each in findings(digest)] == [("lead.none", False)]
