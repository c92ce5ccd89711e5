"""Node's own mjml as a judge: it catches what the compiler in use lets pass, unknown attributes and components."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.services.patience import PATIENCE

TOP = Path(__file__).parents[2]
MJML = TOP / "node_modules" / ".bin" / "mjml"


def validate(folder: Path, sources: dict[str, str]) -> str:
    """What mjml says of the rendered `sources` (by name; they are written to `folder`); empty when all are valid.

    Skips the test when mjml is not installed; with CI=true it fails then.
    """
    if not MJML.exists():
        missing = "Node's mjml is missing: npm ci --ignore-scripts"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    paths = [folder / f"{name}.mjml" for name in sources]
    for path, source in zip(paths, sources.values(), strict=True):
        path.write_text(source, encoding="utf-8")
    done = subprocess.run([MJML, "--validate", *paths], capture_output=True, text=True, timeout=PATIENCE, cwd=folder)
    return done.stderr if done.returncode or done.stderr.strip() else ""
