"""`newsletter web`, `newsletter worker` and `newsletter clock`: the processes of the service."""

from __future__ import annotations

from functools import partial

import click
from flask import current_app
from flask.cli import with_appcontext

from newsletter import migrations
from newsletter.core import key_fingerprints, private_files
from newsletter.core.process_tree import ForkedChild, ProcessTree
from newsletter.core.runtime import Runtime, runtime


@click.command()
@with_appcontext
def web() -> None:
    """Answer readers and webhooks until stopped."""
    from newsletter.web import server

    ready = _ready_runtime()
    application = current_app._get_current_object()  # type: ignore[attr-defined]
    listening = server.listen(ready.settings.host, ready.settings.port)
    ready.db.dispose()  # no connection crosses a fork
    if ready.settings.web_concurrency == 1:
        server.serve(application, listening)
    else:
        names = [f"web-{number}" for number in range(1, ready.settings.web_concurrency + 1)]
        ProcessTree([ForkedChild(name, partial(server.serve, application, listening)) for name in names]).run()


@click.command()
@with_appcontext
def worker() -> None:
    """Send mail and apply events: work off the queue until stopped."""
    from workers import worker as process

    ready = _ready_runtime()
    ready.db.dispose()  # no connection crosses a fork
    process.run(current_app._get_current_object(), ready)  # type: ignore[attr-defined]


@click.command()
@with_appcontext
def clock() -> None:
    """Start each second what is due; on a single machine, run the embedded queue too."""
    from workers import clock as process

    process.run(_ready_runtime())


def _ready_runtime() -> Runtime:
    """The runtime of a process that serves. Raises ConfigurationError, also for a key that is not the database's, or
    ConflictError for an old database."""
    found = runtime()
    found.settings.check_serving()
    migrations.require_current(found.db)
    private_files.mend(found.settings.data_dir)
    key_fingerprints.check_keys(found.db, found.settings)
    return found
