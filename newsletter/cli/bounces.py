"""`newsletter bounces`: bounce mails and complaints, as a mail server pipes them in."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import BinaryIO

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from newsletter import migrations
from newsletter.cli.exit_codes import TRY_AGAIN
from newsletter.cli.hints import with_hint
from newsletter.cli.output import emit, json_option, say
from newsletter.core.errors import NewsletterError
from newsletter.core.runtime import runtime
from newsletter.delivery.events import applying, stored_reports
from newsletter.delivery.events import bounces as reports
from newsletter.delivery.events.bounces import NoReportError
from newsletter.delivery.events.models import Event
from newsletter.delivery.reports import reader_history
from newsletter.serializers.subscribers import related_row_json
from newsletter.serializers.values import json_object

bounces = AppGroup("bounces", help="Bounce mails and complaints: read them from a mail server, and show them.")


class MailServersCommand(click.Command):
    """A command that a mail server runs. Wrong settings and a database that is away are mended sooner or later, so the
    server is asked to keep the mail: any other exit code loses it.
    """

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DBAPIError as error:
            words = f"The database cannot be used now ({type(error.orig).__name__})."
        except NewsletterError as error:
            words = with_hint(error)
        say(f"Error: {words}", err=True)
        sys.exit(TRY_AGAIN)


@bounces.command(cls=MailServersCommand)
@click.option("--to", default="", metavar="ADDRESS", help="The address that the mail came to, if the server knows it.")
@json_option
def read(to: str, as_json: bool) -> None:
    """Read one bounce mail or complaint report from stdin: newsletter bounces read < message.

    Meant for a mail server's alias or pipe. A mail that is no report about one of ours changes nothing and is no error,
    so that no bounce bounces. Exit code 75 when a setting is wrong or the database cannot be used: the mail server
    tries again.
    """
    raw = _read_beginning(sys.stdin.buffer)
    settings = runtime().settings
    migrations.require_current(runtime().db)
    try:
        event = reports.read_report(runtime().db, settings, raw, to)
        with runtime().db.transaction() as session:
            known = applying.apply_events(session, settings.suppression_key, [event])
    except NoReportError as error:
        _emit_nothing(str(error), as_json=as_json)
        return
    if known:
        emit({"recorded": str(event.kind), "reason": event.reason}, f"Recorded: {event.kind}.", as_json=as_json)
    else:
        _emit_nothing("Its reader or its digest is not known any more.", as_json=as_json)


@bounces.command()
@click.argument("number", type=int)
@json_option
def show(number: int, as_json: bool) -> None:
    """Show what was reported about the reader of that NUMBER, and the reports of the last 30 days as they came.

    Reports hold the reader's address.
    """
    suppression_key = runtime().settings.suppression_key
    with runtime().db.reading() as session:
        events = reader_history.events_about(session, number)
        reports_kept = stored_reports.reports_about(session, suppression_key, number)
    if not events:
        raise click.ClickException(f"Nothing was reported about a reader of number {number}.")
    value = {
        "events": [related_row_json(event) for event in events],
        "reports": [json_object(report._asdict()) for report in reports_kept],
    }
    lines = [_event_line(event) for event in events]
    for report in reports_kept:
        lines += [f"\n{report.kind}, received {_time(report.received_at)}:", *report.text.splitlines()]
    emit(value, "\n".join(lines), as_json=as_json)


def _event_line(event: Event) -> str:
    about = f"digest {event.digest_id}" if event.digest_id is not None else "another mail"
    withdrawn = ", withdrawn" if event.withdrawn_at else ""
    return f"{event.kind} {_time(event.occurred_at)}, {about}{withdrawn}: {event.reason}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _emit_nothing(reason: str, *, as_json: bool) -> None:
    emit({"recorded": None, "reason": reason}, f"Nothing changed: {reason}", as_json=as_json)


def _read_beginning(stream: BinaryIO) -> bytes:
    """The beginning of the mail. The rest is read and dropped: to a mail server a closed pipe is a failure."""
    beginning = stream.read(reports.MOST_BYTES)
    while stream.read(1 << 16):
        pass
    return beginning
