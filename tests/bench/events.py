"""Events: posts of a thousand, signed, taken in by the web server and worked off by the workers,
beside a digest that is being sent; real clock, queue and SQLite.
"""

from __future__ import annotations

import http.client
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from sqlalchemy import func, select

from newsletter import migrations
from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.delivery.events.models import Event, WebhookDelivery
from newsletter.delivery.ledger.models import Batch
from newsletter.delivery.ledger.packing import unpack_ids
from newsletter.delivery.reports.status import digest_status
from newsletter.digests import scheduling
from newsletter.subscribers.models import Subscriber
from tests.bench.campaign import settings_for, standin
from tests.bench.cpu import cpu_of
from tests.bench.rendering import SETTINGS
from tests.bench.result import Row, at_least
from tests.factories import add_article, add_digest, add_readers, hand_over, letter_of
from tests.services.processes import RunningService
from tests.services.sendgrid_events import SendGridSigner, body, event

LEAST = 0.02
"""Of the rate at which `json.loads` reads the same posts in one process that does nothing else."""
SIZE = 1000
"""Events in a post."""
PORT = 8479
HOST = {"Host": urlsplit(SETTINGS.public_url).netloc}
SOME = 0.02
"""The part of the events that says something about a reader; the others are deliveries."""


def measure(readers: int = 100_000, posts: int = 150) -> list[Row]:
    """`posts` about one digest while another is sent to `readers`, each answer of the provider taking half a second."""
    folder = Path(tempfile.mkdtemp(prefix="newsletter-bench-"))
    signer = SendGridSigner()
    try:
        with standin(0.5) as url:
            settings = replace(settings_for(folder, url), sendgrid_webhook_key=signer.public_key, port=PORT)
            return _measure(settings, signer, readers, posts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(settings: Settings, signer: SendGridSigner, readers: int, posts: int) -> list[Row]:
    database = Database(settings.database_url)
    migrations.upgrade(database)
    add_article(database, "A story")
    add_readers(database, readers)
    hand_over(database, settings)
    bodies = list(_bodies(database, posts))
    parsing = _parse(bodies)
    sent = add_digest(database)
    with RunningService(settings, workers=2) as service:
        service.start_web()
        service.until(lambda: _is_up(settings), "the start")
        with database.transaction() as session:
            scheduling.send_now(session, settings, sent, by=OPERATOR)
        service.until(lambda: _accepted(database, sent) > 0, "the sending")
        before, accepted = cpu_of(service.supervisor), _accepted(database, sent)
        began = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_post, bodies, [signer] * len(bodies)))
        taken_in = time.perf_counter() - began
        service.until(lambda: _open(database) == 0, "the working off", pause=0.05)
        seconds = time.perf_counter() - began
        after, running = cpu_of(service.supervisor), _accepted(database, sent) - accepted
        beside = status_of(database, sent) != "sent"
        service.until(lambda: status_of(database, sent) == "sent", "the end of the sending", pause=0.2)
    with database.reading() as session:
        kept = session.scalars(select(func.count()).select_from(Event)).one()
    database.dispose()
    if not beside or not kept:
        raise RuntimeError(f"the digest was sent too early, or nothing was kept: {beside=}, {kept=}")
    events = posts * SIZE
    return [
        Row("Events taken in", events / taken_in, "events/s"),
        Row("Events taken in and worked off", events / seconds, "events/s"),
        Row("Read by json.loads alone", events / parsing, "events/s"),
        at_least("… taken in and worked off", parsing / seconds, "of that rate", LEAST),
        Row("Mails sent beside them", running / seconds, "recipients/s"),
        Row("CPU of web, for 100,000 events", (after["web"] - before["web"]) / events * 100_000, "s"),
        Row("CPU of workers, the sending included", after["worker"] - before["worker"], "s"),
        Row("Events that deserved a row", kept, "rows"),
    ]


def _bodies(database: Database, posts: int) -> Iterator[bytes]:
    """Posts as they come in a large send: each about a few batches; two readers in a hundred bounce or complain."""
    rng = random.Random(1)
    with database.reading() as session:
        addresses = dict(session.execute(select(Subscriber.id, Subscriber.address)).all())
        batches = {row[0]: unpack_ids(row[1]) for row in session.execute(select(Batch.id, Batch.recipients))}
    letter, now = letter_of(database), time.time()
    for number in range(posts):
        some = rng.sample(sorted(batches), min(10, len(batches)))
        events = []
        for count in range(SIZE):
            batch = rng.choice(some)
            place = rng.randrange(len(batches[batch]))
            word = rng.choice(["bounce", "dropped", "spamreport"]) if rng.random() < SOME else "delivered"
            address = addresses[batches[batch][place]]
            custom = {"batch": str(batch), "attempt": "1", "letter": letter, "n": str(place)}
            events.append(event(word, address, now + number + count / SIZE, response="250 2.0.0 OK", **custom))
        yield body(*events)


def _post(raw: bytes, signer: SendGridSigner) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request("POST", "/hooks/sendgrid", raw, HOST | signer.headers(raw, time.time()))
    answer = connection.getresponse()
    if answer.status != 204:
        raise RuntimeError(f"a post was answered {answer.status}")
    connection.close()


def _parse(bodies: list[bytes]) -> float:
    """Seconds until `json.loads` has read all posts; nothing is stored."""
    began = time.perf_counter()
    for raw in bodies:
        json.loads(raw)
    return time.perf_counter() - began


def _is_up(settings: Settings) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200 and Queues(settings.redis_url).workers() == 2
    except (OSError, RedisError):
        return False


def _accepted(database: Database, digest_id: int) -> int:
    with database.reading() as session:
        return digest_status(session, digest_id).accepted


def status_of(database: Database, digest_id: int) -> str:
    with database.reading() as session:
        return digest_status(session, digest_id).status


def _open(database: Database) -> int:
    with database.reading() as session:
        open_posts = select(func.count()).select_from(WebhookDelivery).where(WebhookDelivery.payload.is_not(None))
        return session.scalars(open_posts).one()
