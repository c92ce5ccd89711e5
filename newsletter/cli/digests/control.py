"""`newsletter digests`, once a digest is on its way: watch, pause, resume, cancel, retry, resolve."""

from __future__ import annotations

import click

from newsletter.cli.digests import progress
from newsletter.cli.digests.drafts import digests
from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import control, resolving
from newsletter.delivery.reports.status import DigestState
from newsletter.delivery.reports.status import digest_status as read_status

__all__ = ["digests"]


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--watch", is_flag=True, help="Show a progress bar until it is sent.")
@json_option
def status(digest_id: int, watch: bool, as_json: bool) -> None:
    """Where a digest stands; the parts always sum to the recipients."""
    if watch:
        state = progress.watch(runtime().db, digest_id)
    else:
        with runtime().db.reading() as session:
            state = read_status(session, digest_id)
    emit(state.as_json(), progress.sentence(state), as_json=as_json)


def _control(name: str, done: str, help_text: str) -> None:
    """`pause`, `resume` and `cancel` differ in one function and one word."""

    @digests.command(name, help=help_text)
    @click.argument("digest_id", metavar="ID", type=ROW)
    @json_option
    def command(digest_id: int, as_json: bool) -> None:
        with runtime().db.transaction() as session:
            getattr(control, f"{name}_digest")(session, digest_id)
            state: DigestState = read_status(session, digest_id)
        emit(state.as_json(), f"Digest {digest_id} is {done}. {progress.sentence(state)}", as_json=as_json)


_control("pause", "paused", "Stop sending for the time being.")
_control("resume", "being sent again", "Go on with a paused digest.")
_control("cancel", "cancelled", "End a digest for good; who has it keeps it.")


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def retry(digest_id: int, as_json: bool) -> None:
    """Send again to exactly those whose refusal was temporary."""
    with runtime().db.transaction() as session:
        count = resolving.retry_refused(session, digest_id)
        state = read_status(session, digest_id)
    emit(state.as_json(), f"Digest {digest_id} is sent again to {count:,} readers.", as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.argument("batch_id", metavar="BATCH", type=ROW)
@click.option(
    "--sent/--resend", "was_sent", required=True, help="Whether the provider sent it; --resend sends it again."
)
@json_option
def resolve(digest_id: int, batch_id: int, was_sent: bool, as_json: bool) -> None:
    """Decide what became of a batch in doubt (`digests show` lists them)."""
    with runtime().db.transaction() as session:
        resolving.resolve_by_editor(session, digest_id, batch_id, was_sent=was_sent)
        session.flush()
        state = read_status(session, digest_id)
    done = "counted as accepted" if was_sent else "sent again"
    emit(state.as_json(), f"Batch {batch_id} is {done}. {progress.sentence(state)}", as_json=as_json)
