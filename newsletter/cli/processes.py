"""`newsletter web`, `newsletter worker` and `newsletter clock`: the processes of the service."""

from __future__ import annotations

import os
import sys

import click
from flask import current_app
from flask.cli import with_appcontext

from newsletter import migrations
from newsletter.core.runtime import Runtime, runtime

_GUNICORN = ("-m", "gunicorn", "-c", "python:newsletter.web.gunicorn_conf", "newsletter:create_app()")


@click.command()
@with_appcontext
def web() -> None:
    """Serve the site with gunicorn."""
    _ready_runtime().db.dispose()
    # gunicorn replaces this process. Started directly it reads WEB_CONCURRENCY before its configuration is read, and a
    # wrong value would be a traceback.
    os.execv(sys.executable, [sys.executable, *_GUNICORN])  # noqa: S606 - no shell is wanted


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
    """The runtime of a process that serves. Raises ConfigurationError, or ConflictError for an old database."""
    found = runtime()
    found.settings.check_serving()
    migrations.require_current(found.db)
    return found
