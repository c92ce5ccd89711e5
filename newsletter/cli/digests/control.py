"""`newsletter digests`, once a digest is on its way: watch, pause, resume, cancel, retry, resolve."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click
from sqlalchemy.orm import Session

from newsletter.cli.digests import progress
from newsletter.cli.digests.drafts import digests
from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option
from newsletter.core.actors import OPERATOR
from newsletter.core.ids import BatchId, DigestId
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import cancelling, resolving, retrying
from newsletter.delivery.reports.status import DigestState
from newsletter.delivery.reports.status import digest_status as read_status
from newsletter.digests import lifecycle
from newsletter.digests.models import PausedReason

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


def _control(name: str, act: Callable[[Session, int], object], done: str, help_text: str) -> None:
    """Add a command: `pause`, `resume` and `cancel` differ in one function and a few words."""

    @digests.command(name, help=help_text)
    @click.argument("digest_id", metavar="ID", type=ROW)
    @json_option
    def command(digest_id: int, as_json: bool) -> None:
        with runtime().db.transaction() as session:
            act(session, digest_id)
            state: DigestState = read_status(session, digest_id)
        emit(state.as_json(), f"Digest {digest_id} is {done}. {progress.sentence(state)}", as_json=as_json)


def _pause(session: Session, digest_id: int) -> None:
    lifecycle.pause(session, digest_id, PausedReason.EDITOR, None, by=OPERATOR)


_control("pause", _pause, "paused", "Stop sending for the time being.")
_control("resume", partial(lifecycle.resume, by=OPERATOR), "being sent again", "Go on with a paused digest.")
_control(
    "cancel", partial(cancelling.cancel_digest, by=OPERATOR), "cancelled", "End a digest for good; who has it keeps it."
)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def retry(digest_id: int, as_json: bool) -> None:
    """Send again to exactly those whose refusal was temporary."""
    with runtime().db.transaction() as session:
        count = retrying.retry_refused(session, digest_id, by=OPERATOR)
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
        resolving.resolve_by_editor(session, DigestId(digest_id), BatchId(batch_id), was_sent=was_sent)
        state = read_status(session, digest_id)
    done = "counted as accepted" if was_sent else "sent again"
    emit(state.as_json(), f"Batch {batch_id} is {done}. {progress.sentence(state)}", as_json=as_json)
