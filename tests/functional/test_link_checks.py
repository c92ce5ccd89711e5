"""Links of digests: what is asked of other sites, what is kept of it, and what an editor is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.articles.addresses import set_source_addresses
from newsletter.cli import cli
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.fetching import FetchFailure
from newsletter.core.jobs import PROBE_LINKS
from newsletter.core.queue import EVENTS, Queues
from newsletter.core.runtime import Runtime
from newsletter.digests import composing, preflight, scheduling
from newsletter.digests.findings import Finding
from newsletter.digests.links import stored_checks
from newsletter.digests.links.models import LinkCheck, LinkVerdict
from newsletter.digests.links.probing import ProbeResult, probe_link, probe_links
from newsletter.digests.queries import get_digest
from newsletter.operations import enqueueing, link_checks
from tests.factories import add_article, add_digest
from tests.services.patience import PATIENCE
from tests.services.web_sites import Internet, answer, internet

WORKS, BROKEN, UNKNOWN = LinkVerdict.WORKS, LinkVerdict.BROKEN, LinkVerdict.UNKNOWN


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with internet() as made:
        monkeypatch.setattr(link_checks, "new_fetcher", lambda _settings: made.fetcher(timeout=30.0))
        yield made


def void(_value: object) -> None:
    """Forget a value."""


def by_method(**answers: bytes) -> Callable[[Any, str], None]:
    return lambda peer, head: peer.sendall(answers[head.split(" ")[0].lower()])


@pytest.mark.parametrize(
    ("head", "get", "verdict", "methods"),
    [
        (200, None, WORKS, "HEAD"),
        (204, None, WORKS, "HEAD"),
        (405, 206, WORKS, "HEAD GET"),
        (403, 200, WORKS, "HEAD GET"),
        (501, 416, WORKS, "HEAD GET"),
        (404, 200, WORKS, "HEAD GET"),
        (404, 404, BROKEN, "HEAD GET"),
        (410, 410, BROKEN, "HEAD GET"),
        (500, 500, BROKEN, "HEAD GET"),
        (403, 403, UNKNOWN, "HEAD GET"),
        (999, 999, UNKNOWN, "HEAD GET"),
        (401, None, UNKNOWN, "HEAD"),
        (429, None, UNKNOWN, "HEAD"),
    ],
)
def test_a_link_is_asked_by_head_and_then_by_get(
    net: Internet, head: int, get: int | None, verdict: LinkVerdict, methods: str
) -> None:
    net.add("a.example", by_method(head=answer(head), get=answer(get or 0)))
    found = probe_link(net.fetcher(), "http://a.example/x")
    assert (found.verdict, found.status) == (verdict, get or head)
    assert [path.split(" ")[0] for path in net.paths()] == methods.split()
    assert all("Range: bytes=0-0" in request for request in net.requests[1:])


def test_a_slow_server_is_unknown_and_an_absent_one_broken(net: Internet) -> None:
    over = threading.Event()
    net.add("slow.example", lambda _peer, _head: void(over.wait()))
    found = probe_link(net.fetcher(timeout=0.2), "http://slow.example/")
    over.set()
    assert found == ProbeResult(UNKNOWN, failure=FetchFailure.TIMEOUT)
    assert probe_link(net.fetcher(), "http://none.example/") == ProbeResult(BROKEN, failure=FetchFailure.UNKNOWN_HOST)
    net.names["home.example"] = [["10.0.0.1"]]
    assert probe_link(net.fetcher(), "http://home.example/") == ProbeResult(BROKEN, failure=FetchFailure.NOT_PUBLIC)


def test_each_host_has_one_request_at_a_time_and_hosts_go_together(net: Internet) -> None:
    together, busy = threading.Barrier(2, timeout=PATIENCE), Counter[str]()

    def meet(peer: Any, head: str) -> None:
        host = head.split("Host: ")[1].split("\r\n", maxsplit=1)[0]
        busy[host] += 1
        assert busy[host] == 1
        together.wait()
        busy[host] -= 1
        peer.sendall(answer(200))

    net.add("a.example", meet)
    net.add("b.example", meet)
    addresses = [f"http://{host}.example/{number}" for host in "ab" for number in range(5)]
    answers = dict(probe_links(net.fetcher(), addresses, seconds=PATIENCE))
    assert [each.verdict for each in answers.values()] == [WORKS] * 10


def test_a_run_begins_nothing_after_its_time(net: Internet) -> None:
    net.add("a.example", answer(200))
    assert dict(probe_links(net.fetcher(), ["http://a.example/"], seconds=0)) == {}
    assert net.requests == []


# What is kept


@pytest.fixture
def service(db: Database, settings: Settings, valkey_url: str, queues: Queues) -> Runtime:
    return Runtime(replace(settings, redis_url=valkey_url), db)


def digest_with(db: Database, intro: str = "", *, sources: str = "") -> int:
    """A digest of one story, with an intro."""
    slug = add_article(db, "A story")
    with db.transaction() as session:
        set_source_addresses(session, slug, {1: sources})
    digest_id = add_digest(db)
    with db.transaction() as session:
        composing.edit_draft(session, digest_id, intro=intro, by=OPERATOR)
    return digest_id


def found(db: Database, settings: Settings, digest_id: int) -> list[Finding]:
    with db.reading() as session:
        findings = preflight.check_digest(session, settings, get_digest(session, digest_id))
    return [each for each in findings if each.code.startswith("link.")]


def test_a_broken_link_is_said_at_its_place_since_when_it_is(service: Runtime, net: Internet) -> None:
    net.add("a.example", answer(404))
    digest_id = digest_with(service.db, "See [this](http://a.example/x).", sources="http://a.example/x")
    first = clock.now()
    with clock.set_to(first):
        link_checks.probe_digest(service, digest_id)
    with clock.set_to(first + timedelta(hours=1)):
        link_checks.probe_digest(service, digest_id)
    assert net.paths() == ["HEAD /x", "GET /x"] * 2, "one address is asked once, and anew on request"
    broken = [each for each in found(service.db, service.settings, digest_id) if each.code == "link.broken"]
    assert [(each.where, each.values.get("text"), each.values.get("slug"), each.blocks) for each in broken] == [
        ("texts", "intro", None, True),
        ("articles", None, "a-story", True),
    ]
    since = f"{first.astimezone(service.settings.timezone):%-d %B %Y, %H:%M}"
    assert (
        broken[0].sentence == f"The intro links to http://a.example/x, which is broken: it answers 404, since {since}."
    )
    net.add("a.example", answer(200))
    link_checks.probe_digest(service, digest_id)
    assert {each.code for each in found(service.db, service.settings, digest_id)} == {"link.insecure"}


def test_a_server_that_is_away_blocks_nothing_and_no_scheduled_digest_is_held_up(
    service: Runtime, net: Internet
) -> None:
    net.add("gone.example", answer(404))
    net.add("ill.example", answer(503))
    for host, blocks in (("gone", True), ("ill", False), ("none", False)):
        digest_id = digest_with(service.db, f"[a](http://{host}.example/)")
        link_checks.probe_digest(service, digest_id)
        (broken,) = [each for each in found(service.db, service.settings, digest_id) if each.code == "link.broken"]
        assert broken.blocks == blocks
        with service.db.transaction() as session:
            digest = get_digest(session, digest_id)
            composing.edit_draft(session, digest_id, intro="", by=OPERATOR)
            at = clock.now() + timedelta(hours=1)
            scheduling.schedule_digest(session, service.settings, digest_id, at, by=OPERATOR)
            digest.intro = f"[a](http://{host}.example/)"
        assert not any(each.blocks for each in found(service.db, service.settings, digest_id))


def test_scheduling_has_the_links_asked_by_a_job(service: Runtime, net: Internet, queues: Queues) -> None:
    net.add("a.example", answer(200))
    digest_id = digest_with(service.db, "[a](http://a.example/) [ours](https://letters.example.org/letters)")
    enqueueing.enqueue_due_work(service)
    with service.db.transaction() as session:
        at = clock.now() + timedelta(hours=1)
        scheduling.schedule_digest(session, service.settings, digest_id, at, by=OPERATOR)
        digest = get_digest(session, digest_id)
        assert link_checks.state_of_links(session, service.settings, digest) == (0, 1, 0)
    for _ in range(2):
        enqueueing.enqueue_due_work(service)
    assert [job.func_name for job in queues.queues[EVENTS].jobs] == [PROBE_LINKS]
    assert not link_checks.probe_wanted(service)
    assert net.paths() == ["HEAD /"]
    with service.db.reading() as session:
        assert link_checks.state_of_links(session, service.settings, get_digest(session, digest_id)) == (1, 0, 0)


def test_of_two_workers_one_asks_and_a_dead_one_s_are_taken_over(db: Database) -> None:
    addresses = ["http://a.example/", "http://b.example/", "mailto:a@b.example", "javascript:alert(1)"]
    with db.transaction() as session:
        stored_checks.want_links(session, addresses)
    with db.transaction() as session:
        assert sorted(stored_checks.claim_links(session, 10)) == addresses[:2]
        assert not stored_checks.links_wait(session)
        assert stored_checks.claim_links(session, 10) == []
    with clock.set_to(clock.now() + stored_checks.CLAIM + timedelta(seconds=1)), db.transaction() as session:
        assert stored_checks.links_wait(session)
        assert stored_checks.claim_links(session, 1) == [addresses[0]]
    with db.transaction() as session:
        stored_checks.record_results(session, {addresses[0]: ProbeResult(WORKS, 200)}, addresses[:2])
        assert stored_checks.claim_links(session, 10) == [addresses[1]], "what there was no time for is given back"


def test_what_is_kept_is_bounded(db: Database) -> None:
    many = [f"http://a.example/{number}" for number in range(stored_checks.MOST_LINKS + 5)]
    with db.transaction() as session:
        stored_checks.want_links(session, many)
        rows = session.scalars(select(LinkCheck)).all()
        assert len(rows) == stored_checks.MOST_LINKS
        stored_checks.record_results(session, {many[0]: ProbeResult(WORKS, 200)}, many[:1])
    with clock.set_to(clock.now() + stored_checks.KEPT_FOR - timedelta(minutes=1)), db.transaction() as session:
        stored_checks.delete_old(session)
        assert len(session.scalars(select(LinkCheck.id)).all()) == stored_checks.MOST_LINKS
    with clock.set_to(clock.now() + stored_checks.KEPT_FOR + timedelta(minutes=1)), db.transaction() as session:
        stored_checks.delete_old(session)
        assert session.scalars(select(LinkCheck.id)).all() == []


def test_an_address_of_any_length_is_kept(db: Database) -> None:
    long = "http://a.example/" + "ä" * 50_000
    with db.transaction() as session:
        stored_checks.want_links(session, [long, "http://a.example/\x00", "http://a.example/\ud800"])
        assert session.scalars(select(LinkCheck.url)).all() == [long]


def test_the_command_asks_and_says(app: Flask, db: Database, net: Internet) -> None:
    run = app.test_cli_runner().invoke
    net.add("a.example", answer(410))
    digest_id = digest_with(db, "[a](http://a.example/)")
    before = run(cli, ["digests", "check", str(digest_id)])
    assert "Links to other sites: 1 not asked yet." in before.output
    asked = run(cli, ["digests", "check", str(digest_id), "--links"])
    assert asked.exit_code == 1
    assert "The intro links to http://a.example/, which is broken: it answers 410" in asked.output
