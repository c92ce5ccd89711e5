"""SendGrid accepts without an answer, refuses, or asks to wait: a batch's outcomes, counted where mail arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.core import clock, shutdown
from newsletter.core.config import RateLimit, Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.queue import Queues
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger.models import Batch, Refusal
from newsletter.delivery.sending import draining
from newsletter.digests.queries import get_digest
from tests.factories import add_article, add_readers, send_digest, state_of
from tests.services import editor
from tests.services import sendgrid_exchange as does
from tests.services.sendgrid_standin import SendGridStandIn

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def provider() -> Iterator[SendGridStandIn]:
    with SendGridStandIn() as standin:
        yield standin


@pytest.fixture
def settings(settings: Settings, provider: SendGridStandIn, queues: Queues, valkey_url: str) -> Settings:
    return replace(provider.settings(settings), redis_url=valkey_url)


@pytest.fixture
def digest_id(app: Flask, db: Database, settings: Settings) -> int:
    add_article(db, "A story")
    add_readers(db, 5)
    return send_digest(db, settings)


def batch(db: Database) -> Batch:
    with db.reading() as session:
        return session.scalars(select(Batch)).one()


def later(seconds: float, do: Callable[[], object]) -> None:
    with clock.set_to(clock.now() + timedelta(seconds=seconds)):
        do()


def drain() -> bool:
    return draining.drain(runtime())


@pytest.mark.parametrize(
    "behaviour",
    [
        does.taken_and_silent,
        does.taken_and_reset,
        does.taken_and_cut,
        does.unnamed,
        does.silent,
        does.drip(b"HTTP/1.1 202 Accepted\r\n"),
        does.status(500),
        does.status(502),
        does.status(504),
        does.status(408),
        does.redirect("https://elsewhere.example/"),
    ],
)
def test_a_lost_answer_leaves_a_doubt_and_nothing_is_sent_twice(
    db: Database, digest_id: int, provider: SendGridStandIn, behaviour: does.Behaviour
) -> None:
    provider.script(behaviour)
    drain()
    drain()
    assert provider.asked == 1, "no second request while the first is in doubt"
    found = state_of(db, digest_id)
    assert (found.status, found.in_doubt, found.open) == ("sending", 5, 5)
    assert batch(db).note


@pytest.mark.parametrize(("was_sent", "requests", "mails"), [(True, 1, 5), (False, 2, 10)])
def test_an_editor_resolves_it(
    db: Database, digest_id: int, provider: SendGridStandIn, was_sent: bool, requests: int, mails: int
) -> None:
    provider.script(does.taken_and_reset)
    drain()
    with db.transaction() as session:
        editor.resolve(session, digest_id, was_sent=was_sent)
    with db.transaction() as session, pytest.raises(ConflictError, match="not in doubt"):
        editor.resolve(session, digest_id, was_sent=was_sent)
    drain()
    found = state_of(db, digest_id)
    assert (found.status, found.accepted, found.in_doubt) == ("sent", 5, 0)
    assert (provider.asked, provider.counts.total()) == (requests, mails)


@pytest.mark.parametrize("code", [429, 503])
def test_mail_that_was_surely_not_taken_is_sent_again_when_the_provider_says(
    db: Database, digest_id: int, provider: SendGridStandIn, queues: Queues, code: int
) -> None:
    provider.script(does.status(code, headers={"Retry-After": "30"}))
    drain()
    drain()
    assert (provider.asked, state_of(db, digest_id).waiting) == (1, 5)
    assert int(queues.redis.pttl("newsletter:back-off")) > 20_000, "all workers wait"
    queues.redis.delete("newsletter:back-off")
    later(40, drain)
    assert (state_of(db, digest_id).accepted, provider.counts.total()) == (5, 5)


def test_no_connection_is_tried_again_with_growing_pauses(
    db: Database, digest_id: int, provider: SendGridStandIn, settings: Settings
) -> None:
    object.__setattr__(runtime().settings, "sendgrid_host", "http://127.0.0.1:1")
    for _ in range(3):
        later(3600 * batch(db).failures, drain)
    assert batch(db).failures == 3
    assert state_of(db, digest_id).waiting == 5
    not_before = batch(db).not_before
    assert not_before is not None
    assert not_before > clock.now()


@pytest.mark.parametrize("code", [401, 403, 413])
def test_an_error_for_good_pauses_the_digest_and_changes_no_outcome(
    db: Database, digest_id: int, provider: SendGridStandIn, code: int
) -> None:
    provider.script(does.status(code))
    drain()
    with db.reading() as session:
        digest = get_digest(session, digest_id)
    assert (digest.status, digest.paused_reason) == ("paused", "error")
    assert digest.paused_note
    assert "SendGrid" in digest.paused_note
    assert state_of(db, digest_id).waiting == 5
    drain()
    assert provider.asked == 1
    with db.transaction() as session:
        editor.resume(session, digest_id)
    drain()
    assert state_of(db, digest_id).accepted == 5


def test_a_named_address_is_refused_and_the_rest_goes_on(
    db: Database, digest_id: int, provider: SendGridStandIn
) -> None:
    body = b'{"errors":[{"message":"r3@readers.example is odd","field":"personalizations.2.to.0.email"}]}'
    provider.script(does.status(400, body))
    drain()
    found = state_of(db, digest_id)
    assert (found.accepted, found.refused, found.status) == (4, 1, "sent")
    with db.reading() as session:
        refusal = session.scalars(select(Refusal)).one()
    assert (refusal.subscriber_id, refusal.reason, refusal.temporary) == (3, "…@… is odd", False)
    assert set(provider.counts) == {f"r{n}@readers.example" for n in (1, 2, 4, 5)}


def test_limits_split_a_batch_and_the_rest_follows(
    db: Database, digest_id: int, provider: SendGridStandIn, queues: Queues
) -> None:
    object.__setattr__(runtime().settings, "mail_rate_limits", (RateLimit(2, 3600),))
    drain()
    assert (provider.counts.total(), state_of(db, digest_id).waiting) == (2, 3)
    queues.redis.flushall()
    later(3601, drain)
    assert (provider.counts.total(), state_of(db, digest_id).waiting) == (4, 1)
    queues.redis.flushall()
    later(7202, drain)
    assert state_of(db, digest_id).accepted == 5
    assert set(provider.counts.values()) == {1}


def test_a_part_in_doubt_does_not_touch_the_rest(
    db: Database, digest_id: int, provider: SendGridStandIn, queues: Queues
) -> None:
    object.__setattr__(runtime().settings, "mail_rate_limits", (RateLimit(2, 3600),))
    provider.script(does.taken_and_reset)
    drain()
    with db.reading() as session:
        assert list(session.scalars(select(Batch.outcomes).order_by(Batch.id))) == [b"??mmm", b"www"]
    with db.transaction() as session:
        editor.resolve(session, digest_id, was_sent=True)
    queues.redis.flushall()
    object.__setattr__(runtime().settings, "mail_rate_limits", ())
    with clock.set_to(clock.now() + timedelta(hours=1)):
        drain()
    assert state_of(db, digest_id).accepted == 5
    assert set(provider.counts.values()) == {1}


def test_events_can_find_the_reader_by_position(db: Database, digest_id: int, provider: SendGridStandIn) -> None:
    drain()
    found = {mail.address: mail.custom_args for mail in provider.mails()}
    arguments = found["r4@readers.example"]
    assert len(arguments.pop("letter")) == 12
    assert arguments == {"batch": "1", "attempt": "1", "n": "3"}


def test_retry_without_temporary_refusals_is_refused(db: Database, digest_id: int, provider: SendGridStandIn) -> None:
    drain()
    with db.transaction() as session, pytest.raises(InvalidError, match="was refused temporarily"):
        editor.retry(session, digest_id)


def test_a_worker_that_is_asked_to_stop_before_the_request_leaves_no_doubt(
    db: Database, digest_id: int, provider: SendGridStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = chain([False], repeat(True))  # not yet when the job begins, but before the request
    monkeypatch.setattr(shutdown, "requested", lambda: next(answers))
    drain()
    assert (batch(db).state, batch(db).outcomes, provider.asked) == ("ready", b"wwwww", 0)
