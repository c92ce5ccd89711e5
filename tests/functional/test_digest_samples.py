"""A test of a digest: an edition's bytes to one address, marked, with links of nobody, counted nowhere."""

from __future__ import annotations

import email
import json
import re
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from newsletter.cli import cli
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.tokens import is_random_token
from newsletter.delivery.ledger.models import Batch
from newsletter.digests.queries import get_digest
from newsletter.digests.rendering import render_digest
from newsletter.subscribers import addresses
from newsletter.subscribers.models import Subscriber, SuppressionReason
from newsletter.subscribers.suppression import suppressions
from tests.factories import add_article, add_digest, add_readers

TO = "editor@desk.example"


@pytest.fixture
def run(app: Flask) -> Any:
    def run(*words: str) -> Any:
        return app.test_cli_runner().invoke(cli, ["digests", "test", *words])

    return run


@pytest.fixture
def digest_id(db: Database) -> int:
    add_article(db, "A policy story", section="Policy", trust=80)
    add_article(db, "A research story", section="Research", trust=50)
    return add_digest(db)


def mails(settings: Settings) -> list[EmailMessage]:
    folder = settings.maildir / "new"
    paths = sorted(folder.iterdir()) if folder.exists() else []
    return [email.message_from_bytes(path.read_bytes(), policy=default) for path in paths]


def test_it_is_the_mail_marked_as_a_test(run: Any, db: Database, settings: Settings, digest_id: int) -> None:
    result = run(str(digest_id), "--to", TO, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "id": digest_id,
        "subject": "[Test] A policy story",
        "articles": ["a-policy-story", "a-research-story"],
    }
    (mail,) = mails(settings)
    assert (mail["Subject"], mail["To"], mail["X-Newsletter-Test"]) == ("[Test] A policy story", TO, "yes")
    token = re.search(r"/unsubscribe/(\w+)>", mail["List-Unsubscribe"])
    assert token
    assert is_random_token(token[1])
    with db.reading() as session:
        rendered = render_digest(get_digest(session, digest_id), settings)
        html, text = (part.replace(rendered.placeholder, token[1]) for part in rendered.edition(0b11))
    parts = {part.get_content_type(): part.get_content() for part in mail.iter_parts()}
    assert parts["text/html"].split() == html.split()
    assert parts["text/plain"].split() == text.split()


def test_its_links_change_nothing_and_nothing_counts_it(
    run: Any, db: Database, settings: Settings, digest_id: int, client: FlaskClient
) -> None:
    add_readers(db, 1)
    run(str(digest_id), "--to", "r1@readers.example")
    (mail,) = mails(settings)
    path = mail["List-Unsubscribe"].strip("<>").removeprefix(settings.public_url)
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code in (404, 410)
    with db.reading() as session:
        assert session.scalars(select(Subscriber.status)).all() == ["active"]
        assert session.scalar(select(func.count()).select_from(Batch)) == 0
        digest = get_digest(session, digest_id)
        assert (digest.status, digest.version) == ("draft", 1)


def test_an_edition_is_that_of_a_reader_with_such_preferences(run: Any, settings: Settings, digest_id: int) -> None:
    words = ["--section", "Policy", "--min-trust", "60", "--format", "text", "--language", "de"]
    assert json.loads(run(str(digest_id), "--to", TO, *words, "--json").stdout)["articles"] == ["a-policy-story"]
    (mail,) = mails(settings)
    assert mail.get_content_type() == "text/plain"
    assert "Zum Artikel" in mail.get_content()
    empty = run(str(digest_id), "--to", TO, "--min-trust", "99")
    assert (empty.exit_code, empty.stderr) == (1, f"Error: No article of digest {digest_id} fits these preferences.\n")


def test_each_test_is_a_mail_of_its_own(run: Any, settings: Settings, digest_id: int) -> None:
    run(str(digest_id), "--to", TO)
    run(str(digest_id), "--to", TO)
    assert len({mail["Message-ID"] for mail in mails(settings)}) == 2


def test_a_wrong_or_suppressed_address_gets_none(run: Any, db: Database, settings: Settings, digest_id: int) -> None:
    with db.transaction() as session:
        key = addresses.identity_key(TO)
        suppressions.suppress(session, settings.suppression_key, key, SuppressionReason.COMPLAINED)
    assert "it is suppressed" in run(str(digest_id), "--to", TO).stderr
    assert run(str(digest_id), "--to", "nobody").exit_code == 1
    assert run("7", "--to", "x@desk.example").stderr == "Error: There is no digest 7.\n"
    assert mails(settings) == []
