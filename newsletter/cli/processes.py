"""`newsletter worker` and `newsletter clock`: the processes behind the web server."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from newsletter import migrations
from newsletter.core.runtime import runtime


@click.command()
@with_appcontext
def worker() -> None:
    """Send: work off the queue until stopped."""
    from workers import worker as process

    runtime().settings.check_serving()
    migrations.require_current(runtime().db)
    runtime().db.dispose()  # no connection crosses a fork
    process.run(current_app._get_current_object(), runtime())  # type: ignore[attr-defined]


@click.command()
@with_appcontext
def clock() -> None:
    """Look each second what is due; on a single machine, run the embedded queue too."""
    from workers import clock as process

    runtime().settings.check_serving()
    migrations.require_current(runtime().db)
    process.run(runtime())
