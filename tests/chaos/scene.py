"""Where chaos takes place: the service with a digest on its way, its provider, and what is going to happen next."""

from __future__ import annotations

import heapq
import math
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

from redis.exceptions import RedisError

from newsletter import migrations
from newsletter.app import create_app
from newsletter.core.actors import OPERATOR
from newsletter.core.config import RateLimit, Settings
from newsletter.core.ids import SuppressionKey
from newsletter.core.queue import Queues
from newsletter.core.queue_socket import socket_path
from newsletter.core.runtime import runtime
from newsletter.digests import scheduling
from newsletter.subscribers.files import imported_readers
from newsletter.subscribers.files.imported_readers import ImportedReader
from newsletter.subscribers.preferences import Preferences
from tests.chaos.editor import Editor
from tests.chaos.plan import Plan
from tests.chaos.processes import ChaosService
from tests.chaos.providers import SendGrid, Smtp
from tests.chaos.reports import Reports
from tests.chaos.timeline import Timeline
from tests.chaos.wire import Weather
from tests.factories import add_article, add_digest
from tests.services.postgres import Postgres
from tests.services.sendgrid_events import SendGridSigner

SECTIONS = [f"Section {number}" for number in range(8)]


class Scene:
    """Set up by `with`; its folder goes at the end unless `keep_folder` was called."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = plan.rng("incidents")
        self.folder = Path(tempfile.mkdtemp(prefix="newsletter-chaos-"))
        self.postgres = Postgres() if plan.database == "postgresql" else None
        make_provider = SendGrid if plan.transport == "sendgrid" else Smtp
        self.provider = make_provider(plan.rng("wire"))
        self._signer = SendGridSigner()
        self.settings = self.provider.settings(self._settings())
        self.left: set[str] = set()
        """Readers who left while the digest was on its way."""
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._stack = ExitStack()
        self._kept = False

    def __enter__(self) -> Self:
        self._stack.callback(self._clean)
        if self.postgres:
            self._stack.callback(self.postgres.stop)
        app = create_app(self.settings)
        self._stack.callback(app.extensions["newsletter"].db.dispose)
        self._stack.enter_context(app.app_context())
        self.digest_id = self._prepare()
        self._stack.enter_context(self.provider)
        self.provider.wire.weather = self.calm
        self.queues = Queues(self.settings.redis_url)
        self._stack.callback(self.queues.redis.close)
        self.service = self._stack.enter_context(ChaosService(self.settings, workers=self.plan.workers))
        self.service.until(self._all_are_there, "the start of all processes")
        self.reports = self._report()
        with app.extensions["newsletter"].db.transaction() as session:
            scheduling.send_now(session, self.settings, self.digest_id, by=OPERATOR)
        self.timeline = Timeline()
        self.editor = Editor(app, self.provider, self.digest_id, self.timeline)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def calm(self) -> Weather:
        """A provider that does nothing wrong, far enough away for the sending to take as long as it shall."""
        return Weather(latency=self.plan.seconds * self.plan.workers / self._answers())

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something after a while, or when the calm comes."""
        heapq.heappush(self._later, (time.monotonic() + seconds, len(self.timeline.lines), do))

    def pass_time(self, seconds: float) -> None:
        """Let the service run for a while: what died is started again, the editor looks, what is due is done."""
        end = time.monotonic() + seconds
        while True:
            self.service.supervisor.keep()
            while self._later and self._later[0][0] <= time.monotonic():
                heapq.heappop(self._later)[2]()
            self.editor.look()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.1))

    def calm_down(self) -> None:
        """No more incidents; what was stopped for a time goes on."""
        self.timeline.add("from here on nothing is disturbed")
        while self._later:
            heapq.heappop(self._later)[2]()
        self.provider.calm_down()
        self.provider.wire.weather = Weather()

    def keep_folder(self) -> Path:
        """Logs and timeline stay, for whoever wants to know why."""
        self._kept = True
        (self.folder / "timeline.txt").write_text(f"{self.plan}\n{self.timeline}\n")
        return self.folder

    def _all_are_there(self) -> bool:
        try:
            return self.queues.workers() >= self.plan.workers and self.service.site_answers()
        except RedisError:
            return False

    def _answers(self) -> int:
        """How many answers a provider gives for the whole digest."""
        return max(self.plan.batches, self.plan.readers // 1000) if self.provider.once_each else self.plan.readers

    def _prepare(self) -> int:
        """A digest, and its readers."""
        db = runtime().db
        migrations.upgrade(db)
        for section in SECTIONS:
            add_article(db, f"A story of {section}", section=section)
        with db.transaction() as session:
            imported_readers.import_rows(session, self._readers())
        return add_digest(db)

    def _readers(self) -> Iterator[ImportedReader]:
        """Their preferences lead to about plan.batches editions; one in fifty wants nothing of what there is."""
        rng = self.plan.rng("readers")
        masks = rng.sample(range(1, 2 ** len(SECTIONS)), self.plan.batches)
        preferences = [
            Preferences("weekly", tuple(name for i, name in enumerate(SECTIONS) if mask >> i & 1)) for mask in masks
        ]
        nothing = Preferences("weekly", ("Gardening",))
        for number in range(self.plan.readers):
            yield ImportedReader(f"r{number}@readers.example", rng.choice(preferences) if number % 50 else nothing)

    def _settings(self) -> Settings:
        port = _free_port()
        return replace(
            Settings(),
            data_dir=self.folder,
            database_url=self.postgres.url("postgres")
            if self.postgres
            else f"sqlite:///{self.folder}/newsletter.sqlite3",
            redis_url=f"unix://{socket_path(self.folder)}",
            redis_is_embedded=True,
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            secret_key="a secret key for chaos",
            suppression_key=SuppressionKey("a suppression key for chaos"),
            maildir=self.folder / "mail",
            mail_from="letters@dispatch.example",
            mail_postal_address="Dispatch, 1 Example Street, 10115 Berlin",
            mail_deadline=timedelta(seconds=self.plan.deadline),
            mail_rate_limits=self._limits(),
            sendgrid_webhook_key=self._signer.public_key,
        )

    def _limits(self) -> tuple[RateLimit, ...]:
        """In every other run: batches are then sent in parts."""
        rng = self.plan.rng("limits")
        most = int(2 * self.plan.readers / self.plan.seconds)
        return rng.choice([(), (RateLimit(most, 1), RateLimit(100 * most, 3600))])

    def _report(self) -> Reports | None:
        if not isinstance(self.provider, SendGrid):
            return None
        rng = self.plan.rng("reports")
        return self._stack.enter_context(Reports(self.provider.documents, self.settings.public_url, self._signer, rng))

    def _clean(self) -> None:
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def some(rng: random.Random, low: float, high: float) -> float:
    """A length of time; shorter ones are likelier."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))
