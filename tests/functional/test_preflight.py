"""The preflight keeps the promises that readers are given."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.delivery.freezing import freeze
from newsletter.digests import lifecycle, mail_findings, preflight, scheduling
from newsletter.digests.findings import Finding, blocking
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest
from tests.factories import add_article, add_digest, add_readers, schedule_now, send_digest
from tests.services.html_mails import findings_in


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://t.example/pixel.gif">',
        '<link rel="stylesheet" href="https://t.example/a.css">',
        '<table background="https://t.example/a.png">',
        '<p style="background: url(https://t.example/a.png)">',
        "<style>@import 'https://t.example/a.css';</style>",
        "<style>@font-face { src: url(https://t.example/f.woff) }</style>",
        '<a href="https://dispatch.example/a?utm_source=mail">',
        '<a href="https://dispatch.example/a?x=1&amp;utm_medium=mail">',
        "<script>1</script>",
        "<iframe></iframe>",
        '<form action="https://t.example"></form>',
    ],
)
def test_resources_and_trackers_are_found(html: str) -> None:
    assert blocking(findings_in(html))


def test_links_and_inline_styles_are_fine() -> None:
    html = (
        '<style>p { color: #123c69 }</style><p style="color: #123c69"><a href="https://dispatch.example/a">url(x)</a>'
    )
    assert findings_in(html) == []


def check(db: Database, settings: Settings, digest_id: int) -> list[Finding]:
    with db.reading() as session:
        return preflight.check_digest(session, settings, get_digest(session, digest_id))


def test_a_real_digest_passes(db: Database, settings: Settings) -> None:
    add_article(db, 'A story with <img src="https://t.example/pixel.gif"> and url(https://t.example/) in its title')
    assert check(db, settings, add_digest(db, subject="A story")) == []


def test_html_that_mailboxes_would_cut_off_is_refused(db: Database, settings: Settings) -> None:
    add_article(db, "A very long story " * 4000)
    digest_id = add_digest(db, subject="Long")
    with db.transaction() as session, pytest.raises(InvalidError, match="needs fewer or shorter articles") as refused:
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert refused.value.code == "digest.preflight"
    (finding,) = check(db, settings, digest_id)
    assert (finding.code, finding.where, finding.blocks) == ("mail.too_large", "mail", True)
    assert finding.values["most"] == mail_findings.LARGEST


def test_an_empty_digest_and_a_missing_postal_address_are_both_said(db: Database, settings: Settings) -> None:
    with db.transaction() as session:
        digest = Digest(cadence=Cadence.WEEKLY, subject="Nothing")
        session.add(digest)
    findings = check(db, replace(settings, mail_postal_address=""), digest.id)
    assert [(each.code, each.where, each.blocks) for each in findings] == [
        ("setting.postal_address", "settings", True),
        ("digest.empty", "articles", True),
    ]
    assert findings[1].sentence == "It holds no article."


def test_an_article_that_changed_since_is_said_and_blocks_nothing(db: Database, settings: Settings) -> None:
    add_article(db, "A 100 % sure story")
    slug = add_article(db, "Another story")
    digest_id = add_digest(db)
    add_article(db, "Another story", trust=12)
    (finding,) = check(db, settings, digest_id)
    assert (finding.code, finding.blocks) == ("article.changed", False)
    assert finding.values == {"slug": slug, "title": "Another story", "revision": 1, "newest": 2}
    assert "“Another story” has changed since" in finding.sentence
    with db.transaction() as session:
        scheduled = scheduling.send_now(session, settings, digest_id, by=OPERATOR)
    assert [each.code for each in scheduled.notes] == ["article.changed"]


def test_a_status_that_forbids_it_is_said_before_anything_else(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    digest_id = send_digest(db, settings)
    with db.transaction() as session, pytest.raises(ConflictError, match="is sending and cannot be scheduled"):
        scheduling.send_now(session, replace(settings, mail_postal_address=""), digest_id, by=OPERATOR)


class TestOnceMoreBeforeTheFreeze:
    @pytest.fixture
    def scheduled(self, db: Database, settings: Settings) -> int:
        add_article(db, "A story")
        add_readers(db, 2)
        return schedule_now(db, settings)

    def test_a_blocked_digest_is_paused_and_says_why(self, db: Database, settings: Settings, scheduled: int) -> None:
        without_address = replace(settings, mail_postal_address="")
        assert not freeze.freeze_digest(db, without_address, scheduled)
        with db.reading() as session:
            digest = get_digest(session, scheduled)
            assert (digest.status, digest.paused_reason, digest.frozen_at) == ("paused", "error", None)
            assert digest.paused_note == (
                "MAIL_POSTAL_ADDRESS is not set, and every mail must show a postal address. Set it."
            )
            assert freeze.due_digests(session) == []
        with db.transaction() as session:
            lifecycle.resume(session, scheduled, by=OPERATOR)
        assert freeze.freeze_digest(db, settings, scheduled)

    def test_a_digest_that_was_changed_meanwhile_is_left_to_the_next_tick(
        self, db: Database, settings: Settings, scheduled: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check_digest = preflight.check_digest

        def check_and_move(session: Session, settings: Settings, digest: Digest) -> list[Finding]:
            with db.transaction() as other:
                at = clock.now() + timedelta(hours=1)
                lifecycle.schedule(other, digest.id, digest.version, at, provider_schedule=False, by=OPERATOR)
            return check_digest(session, settings, digest)

        monkeypatch.setattr(preflight, "check_digest", check_and_move)
        assert not freeze.freeze_digest(db, replace(settings, mail_postal_address=""), scheduled)
        with db.reading() as session:
            assert get_digest(session, scheduled).status == "scheduled"

    def test_an_article_that_changed_since_is_frozen_as_it_was(
        self, db: Database, settings: Settings, scheduled: int
    ) -> None:
        add_article(db, "A story", trust=12)
        assert freeze.freeze_digest(db, settings, scheduled)
