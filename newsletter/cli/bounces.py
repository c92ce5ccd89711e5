"""`newsletter bounces`: bounce mails and complaints, as a mail server pipes them in."""

from __future__ import annotations

import sys
from typing import BinaryIO

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from newsletter.cli.exit_codes import TRY_AGAIN
from newsletter.cli.output import emit, json_option
from newsletter.core.runtime import runtime
from newsletter.delivery.events import applying
from newsletter.delivery.events import bounces as reports
from newsletter.delivery.events.bounces import NoReportError

bounces = AppGroup("bounces", help="Bounce mails and complaints: read them from a mail server.")


@bounces.command()
@click.option("--to", default="", metavar="ADDRESS", help="The address that the mail came to, if the server knows it.")
@json_option
@click.pass_context
def read(ctx: click.Context, to: str, as_json: bool) -> None:
    """Read one bounce mail or complaint report from stdin: newsletter bounces read < message.

    Meant for a mail server's alias or pipe. A mail that is no report about one of ours changes nothing and is no error,
    so that no bounce bounces. Exit code 75 when the database cannot be used: the mail server tries again.
    """
    raw = _read_beginning(sys.stdin.buffer)
    settings = runtime().settings
    try:
        event = reports.read_report(runtime().db, settings, raw, to)
        with runtime().db.transaction() as session:
            known = applying.apply_events(session, settings.suppression_key, [event])
    except NoReportError as error:
        _emit_nothing(str(error), as_json=as_json)
        return
    except DBAPIError as error:
        click.echo(f"Error: The database cannot be used now ({type(error.orig).__name__}).", err=True)
        ctx.exit(TRY_AGAIN)
    if known:
        emit({"recorded": str(event.kind), "reason": event.reason}, f"Recorded: {event.kind}.", as_json=as_json)
    else:
        _emit_nothing("Its reader or its digest is not known any more.", as_json=as_json)


def _emit_nothing(reason: str, *, as_json: bool) -> None:
    emit({"recorded": None, "reason": reason}, f"Nothing changed: {reason}", as_json=as_json)


def _read_beginning(stream: BinaryIO) -> bytes:
    """The beginning of the mail. The rest is read and dropped: to a mail server a closed pipe is a failure."""
    beginning = stream.read(reports.MOST_BYTES)
    while stream.read(1 << 16):
        pass
    return beginning
