"""Fill the database of the settings (DATABASE_URL, or that of DATA_DIR) with a service after years.

A database that has readers is refused.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from newsletter import migrations
from newsletter.core.config import from_environment
from newsletter.core.db import Database
from newsletter.embedded.demo_processes import POSTAL_ADDRESS
from tests.large_world.filling import NotEmptyError, fill_world


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.large_world", description=__doc__)
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--stories", type=int, default=50_000)
    options = parser.parse_args()
    settings = from_environment()
    settings = replace(settings, mail_postal_address=settings.mail_postal_address or POSTAL_ADDRESS)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    db = Database(settings.database_url)
    migrations.upgrade(db)
    try:
        fill_world(db, settings, count=options.readers, stories=options.stories)
    except NotEmptyError:
        sys.stderr.write("The database has readers already; give an empty one.\n")
        return 1
    finally:
        db.dispose()
    sys.stdout.write("Filled. `newsletter editors add YOU@EXAMPLE.ORG --role admin` opens the desk.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
