"""`newsletter bounces`: what comes back by mail."""

from __future__ import annotations

import sys
from typing import BinaryIO

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from newsletter.cli.output import emit, json_option
from newsletter.core.runtime import runtime
from newsletter.delivery.events import applying
from newsletter.delivery.events import bounces as reports
from newsletter.delivery.events.bounces import NoReportError
from newsletter.mail import return_path

bounces = AppGroup("bounces", help="Bounce mails and complaints: take them from a mail server.")

EX_TEMPFAIL = 75
"""sysexits.h: the mail server keeps the mail and comes back later."""


@bounces.command()
@click.option("--to", default="", metavar="ADDRESS", help="Where the mail came to, as the mail server knows it.")
@json_option
@click.pass_context
def read(ctx: click.Context, to: str, as_json: bool) -> None:
    """Take one bounce mail or complaint report from stdin: newsletter bounces read < message.

    Meant for a mail server's alias or pipe. What is no report about a mail of ours changes nothing and is no error, so
    that no bounce bounces. Exit code 75 when the database cannot be used: the mail server tries again.
    """
    raw = _whole(sys.stdin.buffer)
    settings = runtime().settings
    try:
        event = reports.parse_report(raw, return_path.return_path_key(settings.suppression_key), to)
        with runtime().db.transaction() as session:
            known = applying.apply_events(session, settings.suppression_key, [event])
    except NoReportError as error:
        emit({"taken": None, "reason": str(error)}, f"Nothing changed: {error}", as_json=as_json)
        return
    except DBAPIError as error:
        click.echo(f"Error: The database cannot be used now ({type(error.orig).__name__}).", err=True)
        ctx.exit(EX_TEMPFAIL)
    if known:
        emit({"taken": str(event.kind), "reason": event.reason}, f"Taken: {event.kind}.", as_json=as_json)
    else:
        reason = "Its reader or its digest is not known any more."
        emit({"taken": None, "reason": reason}, f"Nothing changed: {reason}", as_json=as_json)


def _whole(stream: BinaryIO) -> bytes:
    """The beginning of the mail. The rest is read and dropped: a mail server takes a closed pipe for a failure."""
    kept = stream.read(reports.MOST_BYTES)
    while stream.read(1 << 16):
        pass
    return kept
