"""Imports that are stopped at any moment, run beside each other, or find the disk full: the next run mends it."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from newsletter.cli.subscribers.files import subscribers
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.config import HYPE_LABELS, Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from newsletter.core.ids import AddressKey
from newsletter.subscribers.files import result_file
from newsletter.subscribers.files.csv_file import CsvFile
from newsletter.subscribers.files.paced_import import SQLITE_CHUNK as CHUNK
from newsletter.subscribers.files.resumable_import import ImportState, ResumableImport
from newsletter.subscribers.models import ImportProgress, Subscriber, SubscriberStatus, SuppressionReason
from newsletter.subscribers.preferences import KnownNames
from newsletter.subscribers.suppression import suppressions
from tests.services.processes import environment_of

COUNT = 8000
"""Rows: 16 chunks."""


@pytest.fixture
def file(tmp_path_factory: pytest.TempPathFactory, db: Database, settings: Settings) -> Path:
    """Readers, every tenth of them a wrong row and every hundredth suppressed."""
    path = tmp_path_factory.mktemp("files") / "readers.csv"
    path.write_text("email\n" + "".join(f"{_address(number)}\n" for number in range(2, COUNT + 2)))
    found = [
        suppressions.ToSuppress(AddressKey(_address(number)), SuppressionReason.ERASED, clock.now())
        for number in range(5, COUNT + 2, 100)
    ]
    with db.transaction() as session:
        suppressions.suppress_all(session, settings.suppression_key, found)
    return path


def _address(row: int) -> str:
    return f"nobody{row}" if row % 10 == 0 else f"r{row}@readers.example"


WRONG = [row for row in range(2, COUNT + 2) if row % 10 == 0]
SUPPRESSED = list(range(5, COUNT + 2, 100))
WHOLE = {
    "rows": COUNT,
    "imported": COUNT - len(WRONG) - len(SUPPRESSED),
    "unchanged": 0,
    "suppressed": len(SUPPRESSED),
    "refused": len(WRONG),
}


def command(path: Path, *options: str, limit: int | None = None) -> list[str]:
    """The command as an operator gives it; `limit`: no file may grow beyond so many blocks of 512 bytes."""
    line = [sys.executable, "-m", "newsletter", "subscribers", "import", str(path), "--json", *options]
    return line if limit is None else ["sh", "-c", f"ulimit -f {limit}; exec {shlex.join(line)}"]


def counts(output: str) -> dict[str, int]:
    found = json.loads(output)
    return {name: found[name] for name in WHOLE}


def is_right(db: Database, path: Path) -> None:
    """Everybody is there once, the result file says all of the others, and nothing of the import is left over."""
    with db.reading() as session:
        active = session.scalar(select(func.count()).where(Subscriber.status == SubscriberStatus.ACTIVE))
        assert active == session.scalar(select(func.count()).select_from(Subscriber)) == WHOLE["imported"]
        assert session.scalar(select(func.count()).select_from(ImportProgress)) == 0
    with path.with_suffix(".result.csv").open(newline="") as result:
        reasons = [reason for _, reason in list(csv.reader(result))[1:]]
    found = [re.match(r"(\w+) \(row (\d+)\): ", reason) for reason in reasons]
    rows = [(int(each[2]), each[1]) for each in found if each]
    assert len(rows) == len(reasons)
    assert rows == sorted([(row, "refused") for row in WRONG] + [(row, "suppressed") for row in SUPPRESSED])


def position(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(ImportProgress.position)) or 0


def test_an_import_that_is_killed_again_and_again_goes_on_where_it_was(
    db: Database, settings: Settings, file: Path
) -> None:
    kills = 0
    while True:
        before = position(db)
        with subprocess.Popen(command(file), env=environment_of(settings), stdout=subprocess.PIPE, text=True) as run:
            while kills < 3 and run.poll() is None and position(db) <= before:
                time.sleep(0.002)
            if kills < 3 and run.poll() is None:
                run.kill()
                kills += 1
            output, _ = run.communicate()
        if run.returncode >= 0:
            break
    assert kills
    assert run.returncode == 1
    assert counts(output) == WHOLE
    assert json.loads(output)["resumed_from"] > 1
    is_right(db, file)


@contextmanager
def importing(path: Path, settings: Settings, result: Path | None = None) -> Iterator[ResumableImport]:
    with path.open("rb") as source:
        readers = CsvFile(source, "weekly", KnownNames(None, HYPE_LABELS))
        with result_file.opened(result or path.with_suffix(".result.csv"), readers.head) as refused:
            yield ResumableImport(readers, refused, settings.suppression_key)


def finish(db: Database, work: ResumableImport) -> None:
    with db.transaction() as session:
        work.begin(session)
    for rows in work.chunks(CHUNK):
        with db.transaction() as session:
            work.import_chunk(session, rows, by=OPERATOR)
    with db.transaction() as session:
        work.finish(session)


def start(db: Database, work: ResumableImport) -> None:
    """Take two chunks, and die before the second is committed, its result already written."""
    with db.transaction() as session:
        work.begin(session)
    todo = work.chunks(CHUNK)
    with db.transaction() as session:
        work.import_chunk(session, next(todo), by=OPERATOR)
    with db.transaction() as session:
        work.import_chunk(session, next(todo), by=OPERATOR)
        session.rollback()


def test_what_was_written_before_a_commit_that_never_came_is_not_said_twice(
    db: Database, settings: Settings, file: Path
) -> None:
    with importing(file, settings) as work:
        start(db, work)
    with importing(file, settings) as work:
        finish(db, work)
    assert work.resumed_from == CHUNK + 1
    assert work.state._replace(position=0, result_size=0) == ImportState(COUNT + 1, 0, *list(WHOLE.values())[1:])
    is_right(db, file)


@pytest.mark.parametrize("loss", ["gone", "short", "elsewhere"])
def test_without_its_result_file_it_begins_anew(db: Database, settings: Settings, file: Path, loss: str) -> None:
    with importing(file, settings) as work:
        start(db, work)
    result = file.with_suffix(".result.csv")
    if loss == "short":
        result.write_text("email,reason\n")
    else:
        result.rename(result.with_name("before.csv"))
    with importing(file, settings, file.with_name("new.csv") if loss == "elsewhere" else None) as work:
        finish(db, work)
    assert (work.resumed_from, work.state.unchanged) == (None, CHUNK - 50 - 5)
    if loss == "elsewhere":
        file.with_name("new.csv").rename(result)
    is_right(db, file)


def test_a_file_that_is_another_now_is_read_from_its_beginning(db: Database, settings: Settings, file: Path) -> None:
    with importing(file, settings) as work:
        start(db, work)
        with file.open("a") as more:
            more.write("late@readers.example\n")
        with pytest.raises(ConflictError, match="changed while it was read"), db.transaction() as session:
            work.import_chunk(session, next(work.chunks(CHUNK)), by=OPERATOR)
    with importing(file, settings) as work:
        finish(db, work)
    assert work.resumed_from is None
    assert work.state.row == COUNT + 2
    with db.reading() as session:
        assert session.scalar(select(Subscriber.status).where(Subscriber.address == "late@readers.example"))


def test_of_two_imports_with_one_result_the_second_is_sent_away(
    app: Flask, db: Database, settings: Settings, file: Path
) -> None:
    with importing(file, settings):
        result = app.test_cli_runner().invoke(subscribers, ["import", str(file)])
        assert result.exit_code == 1
        assert isinstance(result.exception, ConflictError)  # `newsletter` says it in one sentence
        assert "Another import is running" in str(result.exception)


def test_of_two_imports_of_one_file_one_goes_on(db: Database, settings: Settings, file: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(importing(file, settings))
        second = stack.enter_context(importing(file, settings, file.with_name("second.csv")))
        with db.transaction() as session:
            first.begin(session)
        todo = first.chunks(CHUNK)
        with db.transaction() as session:
            first.import_chunk(session, next(todo), by=OPERATOR)
        with db.transaction() as session:
            second.begin(session)
        with pytest.raises(ConflictError, match="Another import of this file"), db.transaction() as session:
            first.import_chunk(session, next(todo), by=OPERATOR)
    with importing(file, settings) as work:
        finish(db, work)
    is_right(db, file)


def test_a_full_disk_is_one_sentence_and_the_next_run_goes_on(db: Database, settings: Settings, file: Path) -> None:
    """On SQLite the database cannot grow any more, on PostgreSQL (whose server is not limited) the result file."""
    limit = (Path(settings.data_dir / "newsletter.sqlite3").stat().st_size // 512 + 400) if db.is_sqlite else 100
    env = environment_of(settings)
    limited = env | {"PYTHONDONTWRITEBYTECODE": "1"}  # or half a file of bytecode would stay behind
    full = subprocess.run(command(file, limit=limit), env=limited, capture_output=True, text=True, check=False)
    assert (full.returncode, full.stdout) == (1, "")
    assert full.stderr.startswith("Error: The database cannot be used" if db.is_sqlite else "Error: The result file")
    assert full.stderr.count("\n") == 1
    again = subprocess.run(command(file), env=env, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (1, "")
    assert counts(again.stdout) == WHOLE
    assert json.loads(again.stdout)["resumed_from"]
    is_right(db, file)
