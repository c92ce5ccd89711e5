"""Supporting and reading are kept apart: in the schema, and in everything that is written."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.migrations.tables import metadata
from newsletter.operations import transactional_sending
from newsletter.subscribers import models as subscriber_models
from newsletter.support import models as support_models
from tests.factories import add_article, add_readers, hand_over
from tests.services import kofi

SUPPORT = {model.__tablename__ for model in vars(support_models).values() if hasattr(model, "__tablename__")}
READERS = {model.__tablename__ for model in vars(subscriber_models).values() if hasattr(model, "__tablename__")}
READER = "r1@readers.example"
PRIVATE = ("Jo Private", "a secret message", "123 The Street", "Sometown", "555 0100", "Jo#4105", "txid=", "Gold")
"""What a payload holds and nothing of ours may."""


@pytest.fixture
def settings(settings: Settings, valkey_url: str) -> Settings:
    return replace(settings, kofi_verification_token=kofi.TOKEN, kofi_thank_you=True, redis_url=valkey_url)


def test_no_table_of_support_refers_to_another_and_none_refers_to_it() -> None:
    references = {(table.name, key.column.table.name) for table in metadata.sorted_tables for key in table.foreign_keys}
    assert {"support_payments", "support_goals", "support_costs", "support_refused_posts"} == SUPPORT
    assert [pair for pair in references if SUPPORT & set(pair)] == []


def test_no_column_of_support_has_the_name_of_a_readers() -> None:
    """So that no query can join the two by accident: an address, its key or hash, a token, a reader's number."""
    readers = {column.name for name in READERS for column in metadata.tables[name].columns}
    readers |= {"subscriber_id", "email", "ip", "user_agent", "address_hash"}
    support = {column.name for name in SUPPORT for column in metadata.tables[name].columns}
    assert support & readers == {"id", "reason"}
    assert "reason" not in metadata.tables["support_payments"].columns


def written(db: Database, settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Everything that is kept: each row of each table, each file but mails, and all of Redis."""
    with db.reading() as session:
        for table in metadata.sorted_tables:
            for row in session.execute(table.select()):
                yield table.name, repr(row).encode()
    for path in Path(settings.data_dir).rglob("*"):
        if path.is_file() and not path.is_relative_to(settings.maildir):
            yield path.name, path.read_bytes()
    redis = runtime().queues.redis
    for key in redis.scan_iter():
        yield f"redis {key!r}", key + (redis.dump(key) or b"")


@pytest.mark.parametrize("is_public", [True, False])
def test_whoever_reads_and_pays_is_two_strangers(
    app: Flask,
    client: FlaskClient,
    db: Database,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    is_public: bool,
) -> None:
    """A reader pays under the reader's own address. Neither the payment's rows nor any other thing tell."""
    caplog.set_level(logging.DEBUG)
    runtime().queues.redis.flushall()
    add_article(db, "A story")
    add_readers(db, 3)
    hand_over(db, settings)
    values = kofi.shop_order(email=READER, is_public=is_public, from_name="Jo Private", message="a secret message")
    answer = client.post("/hooks/kofi", data=kofi.body(values), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    waiting = [name for name, content in written(db, settings) if READER.encode() in content and " " not in name]
    assert set(waiting) - {"newsletter.sqlite3", "newsletter.sqlite3-wal"} == {"subscribers", "outgoing_mail"}

    transactional_sending.send_waiting_mails(runtime())
    assert len(list(settings.maildir.glob("new/*"))) == 1
    for name, content in written(db, settings):
        if name.startswith("newsletter.sqlite3") or name == "subscribers":
            continue
        assert READER.encode() not in content, name
        if name != "support_payments" or not is_public:
            assert not any(word.encode() in content for word in PRIVATE), name
    assert not any(word in caplog.text for word in (*PRIVATE, READER, kofi.TOKEN, values["message_id"]))


def test_an_address_leaves_no_trace_in_the_file(
    app: Flask, client: FlaskClient, db: Database, settings: Settings
) -> None:
    """When the mail is sent, the address of somebody who is no reader is nowhere in SQLite's files."""
    if not db.is_sqlite:  # PostgreSQL removes dead rows by itself
        return
    runtime().queues.redis.flushall()
    answer = client.post(
        "/hooks/kofi", data=kofi.body(kofi.shop_order()), content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200
    file = Path(settings.data_dir / "newsletter.sqlite3")
    assert any(kofi.ADDRESS.encode() in path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    transactional_sending.send_waiting_mails(runtime())
    for path in file.parent.glob(f"{file.name}*"):
        content = path.read_bytes()
        assert kofi.ADDRESS.encode() not in content
        assert not any(word.encode() in content for word in ("123 The Street", "Sometown", "txid="))
