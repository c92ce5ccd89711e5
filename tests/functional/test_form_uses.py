"""A sign-up's form is good for a few sign-ups, and the same post again brings no other mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.subscribers.models import SignupRequest
from newsletter.subscribers.signup import requests
from newsletter.web.forms import signup_admission
from tests.factories import decide_all, form_token
from tests.functional.test_signup import shown

ADA = "ada@example.org"
NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.set_to(NOON):
        yield


@pytest.fixture
def settings(settings: Settings, valkey_url: str, queues: Queues) -> Settings:
    return replace(settings, redis_url=valkey_url)


def stored(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(SignupRequest.address).order_by(SignupRequest.id)))


def test_a_reload_is_answered_as_before_and_mails_nothing_more(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    form = {"email": ADA, "form_token": form_token(), "cadence": "daily"}
    assert f"We sent a link to <strong>{ADA}</strong>" in client.post("/subscribe", data=form).text
    assert len(decide_all(db, settings)) == 1
    for later in (timedelta(0), timedelta(minutes=1), timedelta(minutes=11), timedelta(hours=2), timedelta(hours=23)):
        with clock.set_to(NOON + later):
            page = client.post("/subscribe", data=form)
            assert page.status_code == 200
            assert f"We sent a link to <strong>{ADA}</strong>" in page.text
            assert decide_all(db, settings) == []


def test_many_reloads_never_ask_for_another_press(client: FlaskClient, db: Database) -> None:
    form = {"email": ADA, "form_token": form_token()}
    for _ in range(2 * signup_admission.MOST_USES):
        assert "Check your mailbox" in client.post("/subscribe", data=form).text
    assert stored(db) == [ADA]


def test_other_preferences_are_another_sign_up(client: FlaskClient, db: Database) -> None:
    token = form_token()
    for cadence in ("daily", "weekly", "daily"):
        client.post("/subscribe", data={"email": ADA, "form_token": token, "cadence": cadence})
    assert stored(db) == [ADA, ADA]


def test_the_form_of_the_answering_page_asks_for_another_mail(
    client: FlaskClient, db: Database, settings: Settings
) -> None:
    page = client.post("/subscribe", data={"email": ADA, "form_token": form_token()})
    assert len(decide_all(db, settings)) == 1
    with clock.set_to(NOON + timedelta(minutes=11)):
        client.post("/subscribe", data={"email": ADA, **shown(page.text)})
        assert len(decide_all(db, settings)) == 1


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_form_is_good_for_few_sign_ups(client: FlaskClient, db: Database, accept: str) -> None:
    token = form_token()
    answers = [
        client.post(
            "/subscribe",
            data={"email": f"r{number}@readers.example", "form_token": token},
            headers={"Accept": accept},
            environ_base={"REMOTE_ADDR": f"198.51.100.{number}"},
        )
        for number in range(30)
    ]
    assert len(stored(db)) == signup_admission.MOST_USES
    last = answers[-1]
    if accept == "application/json":
        assert last.status_code == 422
        assert last.json is not None
        assert last.json["code"] == "signup.form_token"
    else:
        assert "One more press" in last.text


def test_behind_a_proxy_that_keeps_the_page_one_more_press_signs_up(client: FlaskClient, db: Database) -> None:
    kept = shown(client.get("/").text)["form_token"]
    addresses = [f"r{number}@readers.example" for number in range(2 * signup_admission.MOST_USES)]
    with clock.set_to(NOON + timedelta(minutes=1)):
        pages = {name: client.post("/subscribe", data={"email": name, "form_token": kept}).text for name in addresses}
    with clock.set_to(NOON + timedelta(minutes=2)):
        for page in pages.values():
            if "One more press" in page:
                assert "Check your mailbox" in client.post("/subscribe", data=shown(page)).text
    assert stored(db) == addresses


def test_a_post_that_failed_can_be_sent_again(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {"email": ADA, "form_token": form_token()}

    def fail(*_args: object, **_values: object) -> None:
        raise OperationalError("INSERT", None, Exception("full"))

    with monkeypatch.context() as broken:
        broken.setattr(requests, "request_signup", fail)
        assert client.post("/subscribe", data=form).status_code >= 500
    assert "Check your mailbox" in client.post("/subscribe", data=form).text
    assert stored(db) == [ADA]


def test_without_redis_every_form_is_as_good_as_new(
    client: FlaskClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    object.__setattr__(runtime(), "queues", Queues("unix:///nowhere/valkey.sock"))
    form = {"email": ADA, "form_token": form_token()}
    for _ in range(signup_admission.MOST_USES + 1):
        assert "Check your mailbox" in client.post("/subscribe", data=form).text
    assert len(stored(db)) == signup_admission.MOST_USES + 1
    assert ADA not in caplog.text


def test_what_redis_keeps_is_made_of_the_token_alone(client: FlaskClient, db: Database, queues: Queues) -> None:
    token = form_token()
    client.post("/subscribe", data={"email": ADA, "form_token": token})
    keys = [key.decode() for key in queues.redis.keys("newsletter:forms:*") if isinstance(key, bytes)]
    assert len(keys) == 2
    assert not any(token in key or "ada" in key for key in keys)
    for key in keys:
        left = queues.redis.ttl(key)
        assert isinstance(left, int)
        assert 0 < left <= 86400
