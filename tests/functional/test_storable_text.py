"""No text from outside reaches a statement with NUL or half a surrogate pair in it, which PostgreSQL refuses."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.cli.bounces import bounces
from newsletter.cli.subscribers.files import subscribers
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import InvalidError
from newsletter.core.storable_text import is_storable
from newsletter.delivery.events import webhook_deliveries
from newsletter.delivery.events.models import Event
from newsletter.delivery.ledger.models import Batch
from newsletter.mail import return_path
from newsletter.subscribers import addresses
from newsletter.subscribers.models import Subscriber
from tests.factories import add_article, add_digest, add_readers, hand_over
from tests.services.bounce_mails import dsn
from tests.services.desk import DeskClient
from tests.services.sendgrid_events import event, hard_bounce

BAD = ["\x00", "\ud800", "a\udfffb"]
COLUMNS = (
    "email",
    "cadence",
    "sections",
    "min_trust",
    "max_hype",
    "hour",
    "zone",
    "format",
    "language",
    "status",
    "confirmed_at",
)


@given(st.text(st.characters()))
def test_what_is_storable_can_be_encoded(text: str) -> None:
    if is_storable(text):
        assert "\x00" not in text
        text.encode()
    else:
        assert set(text) & {"\x00"} or any("\ud800" <= character <= "\udfff" for character in text)


@pytest.mark.parametrize("bad", BAD)
def test_no_address_of_such_text_is_known(bad: str) -> None:
    for address in (f"a{bad}@example.org", f"a@example{bad}.org", bad):
        with pytest.raises(InvalidError):
            addresses.identity_key(address)
        with pytest.raises(InvalidError):
            addresses.normalise(address)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("field", ["email", "reason", "status", "type", "batch", "letter", "sg_event_id", "useragent"])
def test_one_bad_event_costs_no_other(app: Flask, db: Database, settings: Settings, field: str, bad: str) -> None:
    add_readers(db, 2)
    at = clock.now().timestamp() + 1
    items = [
        hard_bounce("r1@readers.example", at),
        event("dropped", "x@example.org", at) | {"email": f"x{bad}@example.org", field: bad},
        [bad],
    ]
    with db.transaction() as session:
        assert webhook_deliveries.store_delivery(session, settings.suppression_key, json.dumps(items).encode())
    assert webhook_deliveries.process_deliveries(app.extensions["newsletter"]) is False
    with db.reading() as session:
        assert session.scalars(select(Subscriber.status).order_by(Subscriber.id)).all() == ["bounced", "active"]


@pytest.mark.parametrize("bad", [b"\x00", b"\xed\xa0\x80", b"=?utf-8?q?=00=ED=A0=80?="])
def test_a_bounce_is_recorded_whatever_it_says(app: Flask, db: Database, settings: Settings, bad: bytes) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    hand_over(db, settings)
    with db.reading() as session:
        batch = session.scalars(select(Batch)).one()
    key = return_path.return_path_key(settings.suppression_key)
    to = return_path.signed_address(key, "bounces.example.org", batch.id, batch.first_id)
    raw = dsn(to).replace(b"user unknown", b"user unknown " + bad)
    result = app.test_cli_runner().invoke(bounces, ["read"], input=raw)
    assert result.output == "Recorded: bounced.\n"
    with db.reading() as session:
        assert is_storable(session.scalars(select(Event.reason)).one())


@pytest.mark.parametrize("bad", ["\x00", "a\x00b"])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_bad_cell_costs_no_other_row(
    app: Flask, db: Database, tmp_path_factory: pytest.TempPathFactory, column: str, bad: str
) -> None:
    values = {"email": "bad@example.org", column: bad}
    row = ",".join(values.get(name, "") for name in COLUMNS)
    empty = "," * (len(COLUMNS) - 1)
    path = tmp_path_factory.mktemp("lists") / "readers.csv"  # the result file must not lie in DATA_DIR
    path.write_text(f"{','.join(COLUMNS)}\nada@example.org{empty}\n{row}\nbo@example.org{empty}\n", encoding="utf-8")
    result = app.test_cli_runner().invoke(subscribers, ["import", str(path), "--json"])
    assert result.exit_code in (0, 1), result.output
    with db.reading() as session:
        kept = set(session.scalars(select(Subscriber.address)))
    assert kept >= {"ada@example.org", "bo@example.org"} or "Error" in result.output, result.output


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "field",
    ["email", "cadence", "sections", "min_trust", "max_hype", "hour", "zone", "format", "language", "page", "form"],
)
def test_no_sign_up_breaks_a_page(client: FlaskClient, db: Database, field: str, bad: str) -> None:
    values = {"email": "ada@example.org", "cadence": "weekly"} | {field: bad}
    answer = client.post("/subscribe", json=values)
    assert answer.status_code < 500
    encoded = {name: value.encode("utf-8", "surrogatepass") for name, value in values.items()}
    assert client.post("/subscribe", data=encoded).status_code < 500
    for path in ("preferences", "unsubscribe", "confirm", "data"):
        assert client.get(f"/{path}/%00%ED%A0%80").status_code < 500


def test_no_word_of_the_desk_breaks_a_page(admin: DeskClient, db: Database) -> None:
    slug = add_article(db, "A story")
    for path in ("digests", "articles", "articles?state=draft", f"digests/{add_digest(db)}/compose", "audit-log"):
        assert admin.get(f"/desk/{path}{'&' if '?' in path else '?'}q=a%00").status_code == 200, path
    for path in (f"articles/stories/{slug}%00", "outbox/%00/html"):
        assert admin.get(f"/desk/{path}").status_code == 404, path
    answer = admin.post("/desk/articles/new", {"title": "a\x00b", "key": "k\x00"})
    assert answer.status_code == 303
    assert "ab</textarea>" in admin.get(answer.location).text
