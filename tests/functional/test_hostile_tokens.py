"""Links as mail programs, people and forgers leave them: a whole one works, anything else gets a kind page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.tokens import ALPHABET, TokenSigner, random_token
from newsletter.subscribers.account import address_change, one_time_links
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import AddressChange, LinkPurpose, Subscriber
from newsletter.subscribers.signup import confirmation_links
from tests.factories import sign_up

HOSTILE = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
AFTER = [".", ",", ">", ">.", ")", '"', "=", "= ", "\r\n", "\t", "”", "»", "/"]
WRAPS = ["\n", "\r\n", "=\r\n", "=\n", " ", "\r\n\t", "\u200b"]


@pytest.fixture
def paths(db: Database, settings: Settings) -> dict[str, str]:
    """A whole link of each kind, without its token: the token."""
    with db.transaction() as session:
        import_rows(session, [ImportedReader("ada@example.org"), ImportedReader("bob@example.org")])
        sign_up(session, settings, "new@example.org")
        ada, bob, new = session.scalars(select(Subscriber).order_by(Subscriber.id))
        asked = AddressChange(subscriber_id=ada.id, address="a2@example.org", address_key="a2@example.org")
        moved = AddressChange(subscriber_id=bob.id, address="b0@example.org", address_key="b0@example.org")
        asked.requested_at = moved.requested_at = moved.changed_at = clock.now()
        session.add_all([asked, moved])
        session.flush()
        return {
            "/preferences/": ada.token,
            "/unsubscribe/": ada.token,
            "/confirm/": confirmation_links.confirmation_token(settings.signing_keys, new),
            "/data/": one_time_links.link_token(settings.signing_keys, ada, LinkPurpose.DATA),
            "/address/": one_time_links.link_token(settings.signing_keys, ada, LinkPurpose.ADDRESS),
            "/new-address/": address_change.new_address_token(settings, asked),
            "/old-address/": address_change.old_address_token(settings, moved),
        }


def rows(db: Database) -> list[tuple[object, ...]]:
    with db.reading() as session:
        return [tuple(row) for row in session.execute(select(Subscriber.status, Subscriber.address))]


@HOSTILE
@given(data=st.data())
def test_a_whole_link_works_however_it_is_wrapped(
    client: FlaskClient, paths: dict[str, str], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(paths)))
    token = paths[path]
    for place in sorted(data.draw(st.lists(st.integers(1, len(token) - 1), max_size=3)), reverse=True):
        token = token[:place] + data.draw(st.sampled_from(WRAPS)) + token[place:]
    token = quote(token + data.draw(st.sampled_from(["", *AFTER])))
    page = client.get(path + token)
    assert page.status_code == 200, path + token
    assert "@example.org" in page.text


def swapped(token: str, place: int, other: str) -> str:
    return token[:place] + other + token[place + 1 :]


CHANGES: list[Callable[[str, int, str], str]] = [
    swapped,
    lambda token, place, other: token[:place],
    lambda token, place, other: token[place + 1 :],
    lambda token, place, other: token.swapcase(),
    lambda token, place, other: other + token,
    lambda token, place, other: token[:place] + token[place] * 2 + token[place + 1 :],
]


@HOSTILE
@given(data=st.data())
def test_a_changed_link_opens_nothing(
    client: FlaskClient, db: Database, paths: dict[str, str], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(paths)))
    token = paths[path]
    # The last character of a signature is left alone: some of its bits are padding.
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from([letter for letter in ALPHABET if letter != token[place]]))
    changed = data.draw(st.sampled_from(CHANGES))(token, place, other)
    before = rows(db)
    for answer in (client.get(path + changed), client.post(path + changed)):
        assert answer.status_code in (404, 405), path + changed
        assert "Get the newsletter" in answer.text
        assert "•••@" not in answer.text
    assert rows(db) == before


def test_no_link_opens_the_page_of_another_kind(client: FlaskClient, db: Database, paths: dict[str, str]) -> None:
    before = rows(db)
    tokens = {*paths.values(), random_token()}
    for path, own in paths.items():
        for token in tokens - {own} - {paths["/preferences/"] if path == "/unsubscribe/" else own}:
            for answer in (client.get(path + token), client.post(path + token)):
                assert answer.status_code in (404, 405), path
                assert "•••@" not in answer.text
    assert rows(db) == before


def test_a_key_that_is_not_ours_signs_nothing(client: FlaskClient, paths: dict[str, str]) -> None:
    for purpose, path in (("confirm", "/confirm/"), ("fresh.data", "/data/")):
        payloads: list[object] = [[1, "x"], [1], 1, None, {}, ["1", []]]
        for payload in payloads:
            assert client.get(path + TokenSigner(("a forger's key",), purpose).sign(payload)).status_code == 404


def test_a_signature_for_one_reader_opens_nothing_of_another(
    client: FlaskClient, db: Database, settings: Settings, paths: dict[str, str]
) -> None:
    """A signature counts for all that stands before it; and a one-time link belongs to its reader's mailbox."""
    with db.reading() as session:
        ada, bob, _ = session.scalars(select(Subscriber).order_by(Subscriber.id))
    before = rows(db)
    for kind in LinkPurpose:
        with clock.set_to(clock.now() - timedelta(seconds=5)):
            earlier = one_time_links.link_token(settings.signing_keys, ada, kind).split(".")
        hers, his = (one_time_links.link_token(settings.signing_keys, one, kind).split(".") for one in (ada, bob))
        mixed = {
            ".".join(parts) for parts in product(*zip(hers, his, earlier, strict=True)) if parts[0] in (hers[0], his[0])
        } - {".".join(whole) for whole in (hers, his, earlier)}
        (_, mailbox) = TokenSigner(settings.signing_keys, f"fresh.{kind}").read(".".join(hers), one_time_links.LINK_AGE)
        mixed.add(TokenSigner(settings.signing_keys, f"fresh.{kind}").sign([bob.id, mailbox]))
        for token in mixed:
            for answer in (client.get(f"/{kind}/{token}"), client.post(f"/{kind}/{token}")):
                assert answer.status_code in (404, 405)
                assert "•••@" not in answer.text
    assert rows(db) == before
