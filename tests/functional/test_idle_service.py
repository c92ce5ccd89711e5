"""An idle `newsletter serve` has loaded nothing that only some requests and mails need: it would hold that memory for
ever, and take the time at each start.

What the parent has loaded when it begins to fork is what all processes share.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from newsletter.core.config import Settings
from newsletter.core.db import Database
from tests.services.patience import PATIENCE
from tests.services.processes import environment_of, on_one_machine

BEFORE_THE_FORKS = """
import json, os, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from newsletter.core.process_tree import ProcessTree
def run(tree):
    print(json.dumps([sorted(sys.modules), opened]), flush=True)
    os._exit(0)
ProcessTree.run = run
from newsletter.cli import main
sys.argv = ["newsletter", "serve"]
main()
"""


AFTER_A_SIGN_UP = """
import re, sys
from datetime import timedelta
from newsletter.app import create_context, install_site
from newsletter.core import clock
app = create_context()
install_site(app, with_desk=False)
client, address = app.test_client(), app.extensions["newsletter"].settings.public_url
page = client.get("/subscribe", base_url=address).text
token = re.search('name="form_token" value="([^"]+)"', page)[1]
with clock.set_to(clock.now() + timedelta(seconds=10)):
    answer = client.post("/subscribe", base_url=address, data={"email": "ada@readers.example", "form_token": token})
assert answer.status_code == 200 and "Check your mailbox" in answer.text
print(*sys.modules)
"""


class Loaded(NamedTuple):
    """What a service has loaded."""

    modules: set[str]
    files: list[str]
    """Those that were opened."""


@pytest.fixture
def loaded(db: Database, settings: Settings) -> Loaded:
    db.dispose()
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_THE_FORKS],
        env=environment_of(on_one_machine(settings, with_site=True)),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    modules, files = json.loads(done.stdout)
    assert {"workers.clock", "workers.worker", "newsletter.web.readers.signup"} <= set(modules)
    return Loaded(set(modules), files)


def test_dates_and_words_of_languages_wait_until_they_are_shown(loaded: Loaded) -> None:
    assert [name for name in loaded.files if "locale-data" in name or name.endswith(".po")] == []
    assert "babel.messages" not in loaded.modules


def test_the_desk_waits_until_somebody_comes_to_it(loaded: Loaded) -> None:
    assert [name for name in loaded.modules if name.startswith("newsletter.web.desk")] == []
    assert loaded.modules & {"argon2", "pyotp", "fido2", "segno", "lxml"} == set()


def test_ciphers_and_rare_addresses_wait_for_the_first_of_them(loaded: Loaded) -> None:
    assert loaded.modules & {"cryptography.hazmat", "email_validator", "idna"} == set()


def test_a_sign_up_needs_no_cipher(db: Database, settings: Settings) -> None:
    """They are 5 MB of the site, and 20 ms of its first page. The worker has them, for links in mails."""
    db.dispose()
    environment = environment_of(on_one_machine(settings, with_site=True))
    command = [sys.executable, "-c", AFTER_A_SIGN_UP]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert [name for name in done.stdout.split() if name.startswith("cryptography.hazmat")] == []


def test_a_database_does_without_the_modules_of_the_other(loaded: Loaded, settings: Settings) -> None:
    is_sqlite = settings.database_url.startswith("sqlite")
    of_postgresql, of_sqlite = {"sqlalchemy.dialects.postgresql", "psycopg"}, {"sqlite3"}
    assert (of_postgresql | of_sqlite) & loaded.modules == (of_sqlite if is_sqlite else of_postgresql)
