"""The Nu HTML Checker (validator.github.io), on a Java of the machine, as a judge of pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.services.patience import PATIENCE

TOP = Path(__file__).parents[2]
JAR = TOP / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"


def mistakes(folder: Path, pages: Mapping[str, str]) -> list[str]:
    """The checker's errors and warnings about `pages`, by their addresses; all are read in one call.

    Skips the test without the checker or Java; with CI=true it fails then.
    """
    if not JAR.exists() or shutil.which("java") is None:
        missing = "The Nu checker is missing: npm ci --ignore-scripts, and apt-get install default-jre-headless"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    addresses = {}
    for number, (address, page) in enumerate(pages.items()):
        path = folder / f"{number}.html"
        path.write_text(page, encoding="utf-8")
        addresses[path.name] = address
    command: list[str | Path] = [
        "java",
        "-jar",
        JAR,
        "--format",
        "json",
        "--exit-zero-always",
        *sorted(folder.glob("*.html")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    return [
        f"{addresses[found['url'].rpartition('/')[2]]}: {found['message']} ({found.get('extract', '').strip()})"
        for found in json.loads(done.stderr)["messages"]
        if found["type"] == "error" or found.get("subType") == "warning"
    ]
