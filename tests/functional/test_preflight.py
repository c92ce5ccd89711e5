"""The preflight keeps the promises that readers are given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.digests import preflight, scheduling
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest
from tests.factories import add_article, add_digest


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
    assert preflight.remote_resources(html)


def test_links_and_inline_styles_are_fine() -> None:
    html = (
        '<style>p { color: #123c69 }</style><p style="color: #123c69"><a href="https://dispatch.example/a">url(x)</a>'
    )
    assert preflight.remote_resources(html) == []


def test_a_real_digest_passes(db: Database, settings: Settings) -> None:
    add_article(db, 'A story with <img src="https://t.example/pixel.gif"> and url(https://t.example/) in its title')
    digest_id = add_digest(db)
    with db.reading() as session:
        assert preflight.find_problems(settings, get_digest(session, digest_id)) == []


def test_html_that_mailboxes_would_cut_off_is_refused(db: Database, settings: Settings) -> None:
    add_article(db, "A very long story " * 4000)
    digest_id = add_digest(db, subject="Long")
    with db.transaction() as session, pytest.raises(InvalidError, match="needs fewer articles"):
        scheduling.send_now(session, settings, digest_id, by=OPERATOR)


def test_an_empty_digest_and_a_missing_postal_address_are_refused(db: Database, settings: Settings) -> None:
    assert preflight.find_problems(settings, Digest(cadence="weekly", subject="Nothing")) == ["It holds no article."]
    add_article(db, "A story")
    digest_id = add_digest(db)
    with db.reading() as session:
        problems = preflight.find_problems(replace(settings, mail_postal_address=""), get_digest(session, digest_id))
    assert problems == ["MAIL_POSTAL_ADDRESS is not set, and every mail must show a postal address."]
