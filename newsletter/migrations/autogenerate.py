"""Write the next migration from what the models say: `make migration m="What it is for"`.

The models are compared with a scratch database that the present migrations made.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command

from newsletter import migrations
from newsletter.core.db import Database


def write_migration(message: str) -> Path:
    """Write the next number's file into `versions` and return its path."""
    settings = migrations.config()
    number = f"{int(migrations.head()) + 1:04}"
    with TemporaryDirectory() as scratch:
        database = Database(f"sqlite:///{scratch}/scratch.sqlite3")
        migrations.upgrade(database)
        with database.engine.begin() as connection:
            settings.attributes["connection"] = connection
            script = command.revision(settings, message=message, autogenerate=True, rev_id=number)
        database.dispose()
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)


if __name__ == "__main__":
    sys.stdout.write(f"{write_migration(sys.argv[1])}\n")
