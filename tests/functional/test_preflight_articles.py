"""What the preflight says of the articles of a digest: withdrawn ones, and addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.articles import importing, page, revising
from newsletter.articles.addresses import set_article_address, set_source_addresses
from newsletter.articles.changes import Change
from newsletter.articles.models import RevisionKind
from newsletter.core.actors import OPERATOR
from newsletter.core.config import HYPE_LABELS, Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from newsletter.delivery.freezing import freeze
from newsletter.digests import draft_articles, preflight
from newsletter.digests.findings import Finding, blocking
from newsletter.digests.queries import get_digest
from tests.factories import REAL_ARTICLE, add_article, add_digest, schedule_now, state_of


def check(db: Database, settings: Settings, digest_id: int) -> list[Finding]:
    with db.reading() as session:
        return preflight.check_digest(session, settings, get_digest(session, digest_id))


def withdraw(db: Database, slug: str) -> None:
    with db.transaction() as session:
        revising.withdraw(session, slug, "It was made up.")


def test_a_withdrawn_story_blocks_until_it_is_dropped_or_brought_back(db: Database, settings: Settings) -> None:
    for title in ("a", "b"):
        add_article(db, title)
    digest_id = add_digest(db)
    withdraw(db, "a")
    (finding,) = check(db, settings, digest_id)
    assert (finding.code, finding.blocks, finding.sentence) == ("article.withdrawn", True, "“a” is withdrawn.")
    with db.transaction() as session:
        assert draft_articles.refresh_articles(session, digest_id, by=OPERATOR) == [], "a withdrawal is no newer story"
        draft_articles.drop_article(session, digest_id, "a", by=OPERATOR)
    assert check(db, settings, digest_id) == []
    with db.transaction() as session, pytest.raises(ConflictError):
        draft_articles.add_article(session, digest_id, "a", by=OPERATOR)
    with db.transaction() as session:
        revising.revise(session, "a", {}, Change(RevisionKind.UPDATE, "It is true."))
        draft_articles.add_article(session, digest_id, "a", by=OPERATOR)
    assert check(db, settings, digest_id) == []


def test_a_story_that_is_withdrawn_after_scheduling_goes_to_nobody(db: Database, settings: Settings) -> None:
    add_article(db, "a")
    digest_id = schedule_now(db, settings)
    withdraw(db, "a")
    assert not freeze.freeze_digest(db, settings, digest_id)
    assert state_of(db, digest_id).status == "paused"


def test_sources_without_an_address_are_said(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        slug = importing.import_page(session, page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)).slug
    digest_id = add_digest(db, subject="A story")
    (finding,) = check(db, settings, digest_id)
    assert (finding.code, finding.blocks) == ("article.source_without_address", False)
    assert finding.sentence.endswith("has sources without an address: 1 of 1.")
    with db.transaction() as session:
        set_source_addresses(session, slug, {1: "https://theverge.example/story"})
        draft_articles.refresh_articles(session, digest_id, by=OPERATOR)
    assert check(db, settings, digest_id) == []


def test_a_story_that_is_read_without_encryption_is_said(db: Database, settings: Settings) -> None:
    add_article(db, "a")
    digest_id = add_digest(db)
    elsewhere = replace(settings, article_url="http://dispatch.example/{slug}")
    (finding,) = check(db, elsewhere, digest_id)
    assert (finding.code, finding.blocks) == ("article.insecure_address", False)
    assert "http://dispatch.example/a" in finding.sentence
    with db.transaction() as session:
        set_article_address(session, "a", "https://own.example/a")
    assert check(db, elsewhere, digest_id) == []
    with db.transaction() as session:
        set_article_address(session, "a", "http://own.example/a")
    assert [each.code for each in check(db, settings, digest_id)] == ["article.insecure_address"]
    assert blocking(check(db, settings, digest_id)) == []
