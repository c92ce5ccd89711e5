"""How many sign-ups are taken: for each network, each address and in all; what Redis keeps of it; and which network a
request comes from."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from newsletter.app import create_app
from newsletter.core import clock
from newsletter.core.config import RateLimit, Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.subscribers import salts
from newsletter.subscribers.models import RateLimitSalt, SignupRequest
from newsletter.subscribers.signup import networks, rate_limit
from tests.factories import form_token
from tests.functional.test_signup import without_token

NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rate_limit, "NETWORK", RateLimit(4, 3600))
    monkeypatch.setattr(rate_limit, "ADDRESS", RateLimit(3, 3600))
    monkeypatch.setattr(rate_limit, "ALL", RateLimit(10, 3600))
    rate_limit._warn_of_uncounted_proxy.cache_clear()
    with clock.set_to(NOON):
        yield


@pytest.fixture
def settings(settings: Settings, valkey_url: str, queues: Queues) -> Settings:
    return replace(settings, redis_url=valkey_url)


def post(client: FlaskClient, address: str, network: str = "198.51.100.7", **more: str) -> TestResponse:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    data = {"email": address, "form_token": form_token()}
    return client.post("/subscribe", data=data, environ_base={"REMOTE_ADDR": network}, headers=headers)


def taken(db: Database) -> list[int]:
    """The ranks of the sign-ups that were taken."""
    with db.reading() as session:
        return list(session.scalars(select(SignupRequest.rank).order_by(SignupRequest.id)))


def test_a_network_has_its_limit_and_its_sign_ups_their_rank(client: FlaskClient, db: Database) -> None:
    codes = [post(client, f"r{number}@readers.example").status_code for number in range(6)]
    assert codes == [200, 200, 200, 200, 429, 429]
    assert post(client, "other@readers.example", "198.51.100.8").status_code == 200
    assert taken(db) == [1, 2, 3, 4, 1]


def test_an_address_has_its_limit_whatever_the_network(client: FlaskClient, db: Database) -> None:
    codes = [post(client, "Victim@example.org", f"198.51.100.{number}").status_code for number in range(2)]
    codes += [post(client, "victim@EXAMPLE.org", f"2001:db8:{number}::1").status_code for number in range(2)]
    assert codes == [200] * 4, "nobody is told that others signed it up"
    assert taken(db) == [1, 1, 1]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_over_the_limit_of_an_address_the_answer_is_the_same(client: FlaskClient, db: Database, accept: str) -> None:
    answers = [post(client, "victim@example.org", f"198.51.100.{number}", Accept=accept) for number in range(5)]
    assert len({(answer.status_code, without_token(answer.text)) for answer in answers}) == 1
    assert len({tuple(answer.headers) for answer in answers}) == 1
    assert len(taken(db)) == 3


def test_over_the_limit_of_a_network_no_address_is_told_from_another(client: FlaskClient, db: Database) -> None:
    for number in range(5):
        post(client, "victim@example.org", f"198.51.100.{number}")
    codes = [post(client, "victim@example.org").status_code for _ in range(5)]
    assert codes == [200] * 4 + [429]
    assert post(client, "other@example.org").status_code == 429


@pytest.mark.parametrize(
    "spellings",
    [
        ["victim+1@example.org", "Victim+a+b@example.org", "victim+@example.org", "victim+4@example.org"],
        ["vic.tim@gmail.com", "v.i.c.t.i.m@gmail.com", "victim+x@gmail.com", "vict.im+y@gmail.com"],
        ["vic.tim@gmail.com", "v.i.c.t.i.m@googlemail.com", "victim+x@gmail.com", "vict.im+y@googlemail.com"],
    ],
)
def test_spellings_that_reach_one_mailbox_have_a_limit_together(
    client: FlaskClient, db: Database, spellings: list[str]
) -> None:
    codes = [post(client, address, f"198.51.100.{number}").status_code for number, address in enumerate(spellings)]
    assert codes == [200] * 4
    assert len(taken(db)) == 3
    domain = spellings[0].rpartition("@")[2]
    for other in (f"victim@{domain}", f"other+1@{domain}", "vic.tim@example.org", "+1@example.org", "+2@example.org"):
        assert post(client, other, "198.51.100.9" if "+" in other else "198.51.100.8").status_code == 200, other


def test_over_the_limit_in_all_a_network_s_first_still_gets_in(client: FlaskClient, db: Database) -> None:
    codes = [post(client, f"r{n}@readers.example", f"198.51.100.{n}").status_code for n in range(12)]
    codes += [post(client, f"s{n}@readers.example", f"198.51.100.{n}").status_code for n in range(2)]
    assert codes == [200] * 12 + [429] * 2


@pytest.mark.parametrize(
    ("network", "allowed"),
    [
        ("2001:db8:1:{0:x}00::1", 16),  # a /48 of many /64
        ("2001:db8:1:ff{0:02x}::1", 8),  # a /56
        ("2002:c633:6407:{0:x}::1", 4),  # 6to4: all of it is 198.51.100.7's
        ("198.51.100.7:{0}", 4),
        ("[2001:db8:1:1::1]:{0}", 4),
    ],
)
def test_a_wider_network_has_a_limit_too(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch, network: str, allowed: int
) -> None:
    monkeypatch.setattr(rate_limit, "ALL", RateLimit(1000, 3600))
    codes = [post(client, f"r{n}@readers.example", network.format(n + 1)).status_code for n in range(20)]
    assert codes == [200] * allowed + [429] * (20 - allowed)
    assert post(client, "other@readers.example", "203.0.113.5").status_code == 200


@pytest.mark.parametrize("network", ["127.0.0.1", "10.0.0.{0}", "junk{0}", "unix:", "999.1.1.{0}"])
def test_what_says_nothing_does_not_switch_the_limit_off(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    monkeypatch.setattr(rate_limit, "UNKNOWN_NETWORKS", RateLimit(5, 3600))
    codes = [post(client, f"r{n}@readers.example", network.format(n)).status_code for n in range(7)]
    assert codes == [200] * 5 + [429] * 2
    assert taken(db) == [1] * 5


def test_over_the_limit_the_page_says_when_to_come_again_and_stays_filled_in(client: FlaskClient, db: Database) -> None:
    for number in range(4):
        post(client, f"r{number}@readers.example")
    page = post(client, "late@readers.example")
    assert page.status_code == 429
    assert 3590 <= int(page.headers["Retry-After"]) <= 3600
    assert "Please try again in 60 minutes: the form stays filled in." in page.text
    assert 'value="late@readers.example"' in page.text
    problem = post(client, "late@readers.example", Accept="application/json")
    assert problem.status_code == 429
    assert problem.content_type == "application/problem+json"
    assert int(problem.headers["Retry-After"]) > 0


def test_the_limit_of_json_is_the_form_s(client: FlaskClient, db: Database) -> None:
    def program(number: int) -> int:
        body = {"email": f"r{number}@readers.example", "form_token": form_token()}
        return client.post("/subscribe", json=body, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code

    assert [program(number) for number in range(5)] == [202, 202, 202, 202, 429]


def test_redis_keeps_no_network_and_no_address_and_nothing_for_long(
    client: FlaskClient, db: Database, queues: Queues, settings: Settings
) -> None:
    post(client, "ada@example.org")
    keys = [key for key in queues.redis.keys("newsletter:signups:*") if isinstance(key, bytes)]
    assert len(keys) == 3
    for key in keys:
        assert re.fullmatch(rb"newsletter:signups:[0-9a-f]{32}", key)
        ttl = queues.redis.ttl(key)
        assert isinstance(ttl, int)
        assert 0 < ttl <= 3600
        assert queues.redis.get(key) == b"1"
    with clock.set_to(NOON + timedelta(hours=1)):
        post(client, "ada@example.org")
    assert len(queues.redis.keys("newsletter:signups:*")) == 6, "an hour later, nobody is known again"


def test_the_salt_is_one_random_row_that_is_replaced_each_hour(db: Database) -> None:
    def rows() -> list[bytes]:
        with db.reading() as session:
            return list(session.scalars(select(RateLimitSalt.salt)))

    first = salts.present_salt(db)
    with clock.set_to(NOON + timedelta(minutes=59)):
        assert salts.present_salt(db) == first
        assert rows() == [first]
    with clock.set_to(NOON + timedelta(hours=1)):
        second = salts.present_salt(db)
        assert second != first
        assert rows() == [second]
    with clock.set_to(NOON + timedelta(hours=2)), db.transaction() as session:
        salts.forget_old_salt(session)
    assert rows() == []


def test_two_processes_agree_on_a_new_salt(db: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: salts.present_salt(db), range(8)))) == 1


def test_without_redis_nobody_is_lost(client: FlaskClient, db: Database, caplog: pytest.LogCaptureFixture) -> None:
    object.__setattr__(runtime(), "queues", Queues("unix:///nowhere/valkey.sock"))
    assert [post(client, f"r{number}@readers.example").status_code for number in range(12)] == [200] * 12
    assert "sign-ups are not limited while Redis is away" in caplog.text
    assert "readers.example" not in caplog.text
    assert taken(db) == [1] * 12


IPV6 = ("2001:db8:1:2::/64", "2001:db8:1::/56", "2001:db8:1::/48")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("198.51.100.7", ("198.51.100.7",)),
        ("2001:db8:1:2:3:4:5:6", IPV6),
        ("2001:db8:1:2:ffff::1", IPV6),
        ("[2001:db8:1:2::1]:4711", IPV6),
        ("::ffff:198.51.100.7", ("198.51.100.7",)),
        ("198.51.100.7:4711", ("198.51.100.7",)),
        ("2002:c633:6407:1::1", ("198.51.100.7",)),
        ("64:ff9b::c633:6407", ("198.51.100.7",)),
        *(
            (inside, (networks.UNKNOWN,))
            for inside in ("127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fe80::1%eth0", "::ffff:127.0.0.1", "::")
        ),
        *(
            (inside, (networks.UNKNOWN,))  # of a provider's load balancer (RFC 6598), or of a link
            for inside in ("100.64.3.4", "100.127.255.254", "169.254.169.1", "0.0.0.0", "[100.64.3.4]:80")
        ),
        *((nothing, (networks.UNKNOWN,)) for nothing in ("", None, "unix:", "evil", "1.2.3.4:5:6", "[")),
    ],
)
def test_which_networks_an_address_belongs_to(address: str | None, found: tuple[str, ...]) -> None:
    assert networks.networks_of(address) == found


def test_a_proxy_that_is_not_counted_is_told_of(
    client: FlaskClient, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for number in range(6):
            answer = post(client, f"r{number}@readers.example", "127.0.0.1", X_Forwarded_For="198.51.100.7")
            assert answer.status_code == 200
    assert caplog.text.count("TRUSTED_PROXIES") == 1
    assert "198.51" not in caplog.text


@pytest.mark.parametrize(
    ("proxies", "forwarded", "limited"),
    [
        (0, "198.51.100.{}", True),  # the peer counts, whatever it says
        (1, "198.51.100.{}", False),
        (1, "198.51.100.{}, 203.0.113.9", True),  # what the proxy saw stands last; the rest is hearsay
        (2, "198.51.100.{}, 203.0.113.9", False),
    ],
)
def test_trusted_proxies_decide_which_address_counts(
    settings: Settings, db: Database, proxies: int, forwarded: str, limited: bool
) -> None:
    app: Flask = create_app(replace(settings, trusted_proxies=proxies))
    with app.app_context():
        client = app.test_client()
        codes = [
            post(client, f"r{n}@readers.example", "203.0.113.1", X_Forwarded_For=forwarded.format(n)).status_code
            for n in range(5)
        ]
        runtime().db.dispose()
    assert codes == [200] * 4 + [429 if limited else 200]
