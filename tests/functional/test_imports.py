"""No process loads what it does not need: each costs memory, and time at its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.patience import PATIENCE

LOADED = """
import json, sys
{imports}
print(json.dumps(sorted(sys.modules)))
"""
SITE = "from newsletter.app import create_app; create_app(serving=False); import newsletter.web.server"
WORKER = """
from newsletter.app import create_context
create_context(serving=False)
import workers.worker, workers.clock
"""
COMMAND = "from newsletter.app import create_context; create_context(serving=False)"


@pytest.mark.parametrize(
    ("imports", "unneeded"),
    [
        (SITE, {"alembic", "mjml", "sendgrid", "python_http_client", "newsletter.subscribers.files", "workers"}),
        (WORKER, {"alembic", "sendgrid", "waitress", "newsletter.web", "valkey"}),
        (COMMAND, {"alembic", "mjml", "sendgrid", "waitress", "newsletter.web", "workers", "valkey"}),
    ],
    ids=["site", "worker and clock", "command"],
)
def test_what_is_not_needed_is_not_loaded(imports: str, unneeded: set[str], tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    result = subprocess.run(
        [sys.executable, "-c", LOADED.format(imports=imports)],
        env=kept | {"DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    loaded = set(json.loads(result.stdout))
    assert loaded & unneeded == set()
    assert "sqlalchemy" in loaded
