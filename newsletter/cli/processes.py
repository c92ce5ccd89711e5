"""`newsletter serve`, and the processes that it consists of: `web`, `worker` and `clock`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import configure_mappers

from newsletter import migrations
from newsletter.app import create_site, install_site
from newsletter.core import compiled_templates, key_fingerprints, logs, memory, one_cpu, private_files, queue
from newsletter.core.process_tree import ForkedChild, ProcessTree
from newsletter.core.runtime import Runtime, runtime

if TYPE_CHECKING:
    from workers.worker import Lane


@click.command()
@with_appcontext
def serve() -> None:
    """Run the whole service on one machine: site, workers, clock and queue. Brings the database up to date first."""
    application = _application()
    with memory.loading():
        migrations.upgrade_in_child(runtime().db)
        ready = _ready_runtime(partial(_load_service, application))
        _prepare_forks(ready)
        children = _service_children(application, ready)
    ProcessTree(children).run()


def _load_service(application: Flask) -> None:
    from workers import clock, worker  # noqa: F401 - here, and not in each fork

    _load_site(application)


def _prepare_forks(ready: Runtime) -> None:
    from workers import clock as clock_process
    from workers import worker as worker_process

    worker_process.prepare(ready)
    clock_process.prepare(ready)


def _load_site(application: Flask) -> None:
    from newsletter.web.readers.signup import ANSWER_TEMPLATES

    install_site(application, with_desk=False)
    for name in ANSWER_TEMPLATES:
        application.jinja_env.get_template(name)


def _service_children(application: Flask, ready: Runtime) -> list[ForkedChild]:
    """The site first, so that it answers soon. The clock, which runs the queue, ends last."""
    from workers import clock as clock_process
    from workers import worker as worker_process

    return [
        *_web_children(application, ready),
        ForkedChild("clock", partial(clock_process.run, ready), stop_order=2),
        *worker_process.children(application, ready, rest_after=worker_process.REST_AFTER),
    ]


@click.command()
@with_appcontext
def web() -> None:
    """Answer readers and webhooks until stopped."""
    application = _application()
    with memory.loading():
        ready = _ready_runtime(partial(_load_site, application))
        children = _web_children(application, ready)
    if len(children) == 1:
        children[0].run()
    else:
        ProcessTree(children).run()


def _web_children(application: Flask, ready: Runtime) -> list[ForkedChild]:
    from newsletter.web import server
    from newsletter.web.lazy_desk import SiteWithLazyDesk

    site = SiteWithLazyDesk(application, partial(create_site, ready))
    listening = server.listen(ready.settings.host, ready.settings.port)
    cpus = one_cpu.choose(ready.settings.web_concurrency)
    return [
        ForkedChild(f"web {number}", partial(server.serve, site, listening, cpu)) for number, cpu in enumerate(cpus, 1)
    ]


@click.command()
@click.option("--only", type=click.Choice(["mails", "digests"]), help="One process, for this work alone.")
@with_appcontext
def worker(only: Lane | None) -> None:
    """Send mail and apply events until stopped: one process for mails that readers wait for, others for digests."""
    from workers import worker as process

    ready, application = _ready_runtime(), _application()
    process.prepare(ready)
    process.wait_for_queue(ready.queues)
    ready.queues.redis.close()  # no connection crosses a fork
    if only:
        process.run(application, ready, process.Lane(only))
    else:
        ProcessTree(process.children(application, ready)).run()


@click.command()
@with_appcontext
def clock() -> None:
    """Start what is due; on a single machine, run the embedded queue too."""
    from workers import clock as process

    process.run(_ready_runtime())


def _application() -> Flask:
    application: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return application


def _ready_runtime(load: Callable[[], object] = lambda: None) -> Runtime:
    """The runtime of a process that serves. Raises ConfigurationError, also for a key that is not the database's, or
    ConflictError for an old database.

    `load` imports what the process needs, and asks no database: it runs beside the comparison of keys, which is slow on
    purpose, and what one of them opens must not be open at a fork.
    """
    logs.configure()
    memory.give_back_freed_memory()
    found = runtime()
    found.settings.check_serving()
    migrations.require_current(found.db)
    private_files.mend(found.settings.data_dir)
    compiled_templates.keep_in(found.settings.data_dir, found.settings.secret_key)
    queue.warn_of_open_queue(found.settings.redis_url)
    with ThreadPoolExecutor(1) as beside:  # it ends before anything is forked
        checked = beside.submit(key_fingerprints.check_keys, found.db, found.settings)
        load()
        checked.result()
    found.db.dispose()  # no connection crosses a fork
    configure_mappers()  # or each fork would do it at its first query
    return found
