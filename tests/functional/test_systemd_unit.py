"""The unit of docs/systemd, as systemd itself reads it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.patience import PATIENCE

UNIT = Path(__file__).parents[2] / "docs" / "systemd" / "newsletter.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/newsletter/.venv/bin/newsletter", sys.executable))
    result = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    about_it = [line for line in result.stderr.splitlines() if UNIT.name in line]
    assert (about_it, result.returncode) == ([], 0)
