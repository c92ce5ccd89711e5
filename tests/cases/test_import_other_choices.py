"""Lists from other services have preferences that are not known here: each costs a note, not the reader."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from newsletter.cli.subscribers.files import subscribers
from newsletter.core.db import Database
from newsletter.subscribers.models import Subscriber

CASE = Path(__file__).parent / "import-other-choices" / "language-col.csv"


def test_every_reader_comes_in_and_unknown_languages_are_noted(
    app: Flask, db: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    result = tmp_path_factory.mktemp("files") / "result.csv"
    run = app.test_cli_runner().invoke(subscribers, ["import", str(CASE), "--result", str(result), "--json"])
    assert run.exit_code == 0, run.output
    counts = json.loads(run.stdout)
    assert (counts["imported"], counts["refused"], counts["noted"]) == (3, 0, 2)
    with db.reading() as session:
        languages = {reader.address: reader.language for reader in session.scalars(select(Subscriber))}
    assert languages == {"ada@example.org": "en", "bo@example.org": "en", "cy@example.org": "de"}
    with result.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    note = "The language is not known here and was left out."
    assert rows == [
        ["ada@example.org", "English", f"noted (row 2): {note}"],
        ["bo@example.org", "pt-BR", f"noted (row 3): {note}"],
    ]
