"""The wheel is complete: it runs in an empty folder, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.functional.test_demo import free_port
from tests.services.patience import PATIENCE

CHECKOUT = Path(__file__).parents[2]


def test_an_installed_wheel_runs_the_demo_in_an_empty_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    assert {
        "newsletter/Procfile",
        "newsletter/locales/de/LC_MESSAGES/messages.po",
        "newsletter/web/static/zone.js",
    } <= set(archive.namelist())
    archive.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    result = subprocess.run(
        [sys.executable, "-m", "newsletter", "demo", "--once", "--json"],
        env=kept | {"PYTHONPATH": str(tmp_path / "site"), "PORT": str(free_port())},
        cwd=tmp_path / "empty",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["maildir"] == str(tmp_path / "empty" / "var" / "mail")
    assert summary["accepted"] == len(list((tmp_path / "empty" / "var" / "mail" / "new").iterdir())) > 100
