"""`newsletter db`: the database's structure."""

from __future__ import annotations

from flask.cli import AppGroup

from newsletter import migrations
from newsletter.cli.output import emit, json_option
from newsletter.core.actors import OPERATOR
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import restore_guard

db = AppGroup("db", help="The database's structure.")


@db.command()
@json_option
def upgrade(as_json: bool) -> None:
    """Bring the database to the newest structure. Doing it again is harmless."""
    revision = migrations.upgrade(runtime().db)
    emit({"revision": revision}, f"The database is at revision {revision}.", as_json=as_json)


@db.command()
@json_option
def restored(as_json: bool) -> None:
    """Say that this database is a restored backup. Its open digests wait until an editor resumes them."""
    with runtime().db.transaction() as session:
        paused = restore_guard.pause_open_digests(session, by=OPERATOR)
    emit({"paused": paused}, f"{len(paused)} open digests wait: newsletter digests list shows them.", as_json=as_json)
