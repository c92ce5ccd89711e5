"""The whole service on one core with 512 MB, PostgreSQL elsewhere: an import and a digest to 100,000 readers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.bench.campaign import KEY, counted, standin
from tests.factories import add_article, schedule_now, state_of
from tests.services.patience import PATIENCE
from tests.services.processes import environment_of, on_one_machine
from tests.services.small_machine import SmallMachine

READERS = 100_000
MEMORY = 512 << 20
"""Seconds, for a machine that has much else to do."""


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_it_imports_and_sends_to_a_hundred_thousand_readers(
    db: Database, settings: Settings, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    add_article(db, "A story")
    readers = tmp_path_factory.mktemp("lists") / "readers.csv"
    with readers.open("w") as file:
        file.write("email,confirmed_at\n")
        file.writelines(f"r{number}@readers.example,2026-05-01T10:00:00Z\n" for number in range(READERS))
    with standin() as url, SmallMachine(MEMORY) as machine, (tmp_path / "log").open("w+b") as log:
        settings = on_one_machine(
            replace(settings, mail_transport="sendgrid", sendgrid_api_key=KEY, sendgrid_host=url), with_site=True
        )
        environment = environment_of(settings)
        serving = machine.start(["-m", "newsletter", "serve"], environment, log)

        def wait(condition: Callable[[], bool]) -> None:
            end = time.monotonic() + PATIENCE
            while not condition():
                assert machine.peak() <= MEMORY
                assert serving.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < end, (tmp_path / "log").read_text()
                time.sleep(0.2)

        importing = machine.start(["-m", "newsletter", "subscribers", "import", str(readers)], environment, log)
        wait(lambda: importing.poll() is not None)
        assert importing.returncode == 0, (tmp_path / "log").read_text()
        digest_id = schedule_now(db, settings)
        wait(lambda: state_of(db, digest_id).status == "sent")
        counts = counted(settings, "counts")
        assert serving.poll() is None, (tmp_path / "log").read_text()
        assert (counts["addresses"], counts["twice"]) == (READERS, 0), json.dumps(counts)
        assert machine.kills() == 0
        assert machine.peak() <= MEMORY
