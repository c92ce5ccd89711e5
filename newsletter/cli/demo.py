"""`newsletter demo`: the whole service on one machine, with sample data, from nothing to mail in mailboxes."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click

from newsletter import migrations
from newsletter.cli import exit_codes
from newsletter.cli.digests import progress
from newsletter.cli.output import counted
from newsletter.core.config import Settings, from_environment
from newsletter.core.db import Database
from newsletter.core.errors import NewsletterError
from newsletter.core.queue import Queues
from newsletter.delivery.reports.status import DigestState, digest_status
from newsletter.embedded import demo_processes, sample_data
from newsletter.embedded.supervisor import Supervisor

GIVE_UP_AFTER = 300.0
"""Seconds without progress after which the demo stops with an error."""


@click.command()
@click.option("--once", is_flag=True, help="Exit when the digest is sent.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
@click.option("--readers", type=click.IntRange(1, 1_000_000), default=sample_data.READERS, show_default=True)
def demo(once: bool, as_json: bool, readers: int) -> None:
    """Run everything with sample data: a digest is composed, queued and sent into a maildir."""
    gc.enable()  # this command has no application
    began = time.monotonic()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    environment = demo_processes.prepare_environment()
    os.environ.update(environment)
    settings = from_environment()
    _say(f"Data folder: {settings.data_dir}")
    demo_processes.claim_data_dir(settings)
    demo_processes.check_port(settings.port)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: a shell's background job ignores it
        signal.signal(name, _interrupt)
    database = Database(settings.database_url)
    migrations.upgrade(database)
    supervisor = Supervisor(os.environ, settings.data_dir / "log")
    try:
        demo_processes.start(supervisor)
        state = _send_digest(database, settings, supervisor, readers)
        seconds = time.monotonic() - began
        _report(settings, state, seconds, as_json=as_json)
        if not as_json and not once:
            click.echo(f"  Desk:  {sample_data.desk_link(database, settings)} (works once, for an hour)")
        if not once:
            _stay(supervisor, settings)
    except KeyboardInterrupt:
        _say("")
        sys.exit(exit_codes.INTERRUPTED if once else 0)
    finally:
        _say("Stopping …")
        supervisor.stop()
        database.dispose()
    sys.exit(exit_codes.FAILED if state.open or state.refused else 0)


def _send_digest(database: Database, settings: Settings, supervisor: Supervisor, readers: int) -> DigestState:
    counts = sample_data.add_sample_data(database, settings, readers)
    _say(f"{counted(counts.articles, 'article')} and {counted(counts.readers, 'reader')} are there.")
    demo_processes.wait_until_ready(supervisor, settings)
    digest_id = sample_data.compose_and_send(database, settings)
    Queues(settings.redis_url).signal_clock()
    _say(f"Digest {digest_id} is composed and scheduled.")
    state = _follow(database, supervisor, digest_id)
    sample_data.correct_article(database, settings)
    sample_data.count_figures(database, settings, digest_id)
    sample_data.add_desk(database, settings)
    return state


def _follow(database: Database, supervisor: Supervisor, digest_id: int) -> DigestState:
    """Show progress until the digest is sent, and keep the processes alive meanwhile."""
    last_open, moved = None, time.monotonic()
    state = _read(database, digest_id)
    with progress.progress_bar("Sending") as bar:
        while state.status in ("scheduled", "sending"):
            supervisor.keep()
            progress.advance(bar, state)
            if state.open != last_open:
                last_open, moved = state.open, time.monotonic()
            if time.monotonic() - moved > GIVE_UP_AFTER:
                raise NewsletterError(
                    "demo.stuck", "Nothing moves any more; the logs are in %(folder)s.", folder=supervisor.logs
                )
            time.sleep(0.1)
            state = _read(database, digest_id)
        progress.advance(bar, state)
    return state


def _read(database: Database, digest_id: int) -> DigestState:
    with database.reading() as session:
        return digest_status(session, digest_id)


def _report(settings: Settings, state: DigestState, seconds: float, *, as_json: bool) -> None:
    if as_json:
        value = {
            "digest": state.id,
            "recipients": state.recipients,
            "accepted": state.accepted,
            "skipped": state.skipped,
            "maildir": str(settings.maildir),
            "seconds": round(seconds, 2),
        }
        click.echo(json.dumps(value))
    else:
        click.echo(f"{progress.describe_state(state)} It took {seconds:.1f} s from the start.")
        click.echo(f"  Site:  {settings.public_url}")
        click.echo(f"  Mails: {settings.maildir} (a Maildir: try `mutt -f {_short(settings.maildir)}`)")


def _stay(supervisor: Supervisor, settings: Settings) -> None:
    click.echo("Sign up on the site and watch the confirmation mail arrive. Ctrl-C ends everything.")
    while True:
        supervisor.keep()
        time.sleep(0.5)


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
