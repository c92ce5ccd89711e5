"""A command prints its answer on stdout and nothing else; its logs are warnings, on stderr."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ADA = "ada@example.org"


def newsletter(folder: Path, *words: str) -> tuple[str, str]:
    """What a command prints on stdout and on stderr, in a process of its own."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path) -> Path:
    """A data folder with two readers."""
    (tmp_path / "var").mkdir()
    shutil.copy(sqlite_template, tmp_path / "var" / "newsletter.sqlite3")
    readers = tmp_path / "readers.csv"
    readers.write_text(f"email\n{ADA}\nbob@example.org\n")
    newsletter(tmp_path / "var", "subscribers", "import", str(readers))
    return tmp_path / "var"


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("subscribers", "erase", ADA, "--yes"), "Erased. One last mail tells the reader so.\n"),
        (("subscribers", "erase", ADA, "--yes", "--json"), '{"id": 1, "erased": true, "mailed": true}\n'),
        (("articles", "list"), None),
        (("editors", "add", "mara@example.org", "--role", "admin"), None),
    ],
)
def test_a_command_prints_its_answer_alone(folder: Path, words: tuple[str, ...], printed: str | None) -> None:
    stdout, stderr = newsletter(folder, *words)
    assert printed is None or stdout == printed
    assert " INFO " not in stdout + stderr
    assert all("newsletter.core.queue" in line for line in stderr.splitlines()), stderr
