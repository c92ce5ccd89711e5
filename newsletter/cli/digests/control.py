"""`newsletter digests`, once a digest is scheduled: status, pause, resume, cancel, retry, resolve."""

from __future__ import annotations

from collections.abc import Callable

import click
from sqlalchemy.orm import Session

from newsletter.cli.digests import progress
from newsletter.cli.digests.samples import digests
from newsletter.cli.numbers import ROW
from newsletter.cli.output import counted, emit, json_option
from newsletter.core.actors import OPERATOR
from newsletter.core.ids import BatchId, DigestId
from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import cancelling, resolving, retrying
from newsletter.delivery.reports.status import DigestState
from newsletter.delivery.reports.status import digest_status as read_status
from newsletter.digests import lifecycle
from newsletter.digests.models import PausedReason
from newsletter.serializers.digests import digest_state_json

__all__ = ["digests"]


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--watch", is_flag=True, help="Show a progress bar until it is sent.")
@json_option
def status(digest_id: int, watch: bool, as_json: bool) -> None:
    """Show the state of a digest; its parts always sum to the recipients."""
    if watch:
        state = progress.watch(runtime().db, digest_id)
    else:
        with runtime().db.reading() as session:
            state = read_status(session, digest_id)
    emit(digest_state_json(state), progress.describe_state(state), as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def pause(digest_id: int, as_json: bool) -> None:
    """Stop sending for the time being."""
    state = _change(
        digest_id, lambda session: lifecycle.pause(session, digest_id, PausedReason.EDITOR, None, by=OPERATOR)
    )
    _emit(state, f"Digest {digest_id} is paused.", as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def resume(digest_id: int, as_json: bool) -> None:
    """Continue a paused digest."""
    state = _change(digest_id, lambda session: lifecycle.resume(session, digest_id, by=OPERATOR))
    _emit(state, f"Digest {digest_id} is being sent again.", as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def cancel(digest_id: int, as_json: bool) -> None:
    """End a digest for good; mails that were sent stay sent."""
    state = _change(digest_id, lambda session: cancelling.cancel_digest(session, digest_id, by=OPERATOR))
    words = progress.describe_state(state) if state.recipients else f"Digest {digest_id} is cancelled."
    emit(digest_state_json(state), words, as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--reason", metavar="GROUP", help='Those refused for this reason instead, such as "550 5.7.1".')
@json_option
def retry(digest_id: int, reason: str | None, as_json: bool) -> None:
    """Send again to exactly those whose refusal was temporary, or to a group of refusals that `show` lists."""
    with runtime().db.transaction() as session:
        count = retrying.retry_refused(session, digest_id, reason=reason, by=OPERATOR)
        state = read_status(session, digest_id)
    runtime().queues.signal_clock()
    emit(digest_state_json(state), f"Digest {digest_id} is sent again to {counted(count, 'reader')}.", as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.argument("batch_id", metavar="BATCH", type=ROW)
@click.option(
    "--sent/--resend", "was_sent", required=True, help="Whether the provider sent it; --resend sends it again."
)
@json_option
def resolve(digest_id: int, batch_id: int, was_sent: bool, as_json: bool) -> None:
    """Decide what became of a batch in doubt (`digests show` lists them)."""
    state = _change(
        digest_id,
        lambda session: resolving.resolve_by_editor(session, DigestId(digest_id), BatchId(batch_id), was_sent=was_sent),
    )
    done = "counted as accepted" if was_sent else "sent again"
    _emit(state, f"Batch {batch_id} is {done}.", as_json=as_json)


def _change(digest_id: int, act: Callable[[Session], object]) -> DigestState:
    """Act in a transaction of its own; the state of the digest afterwards."""
    with runtime().db.transaction() as session:
        act(session)
        session.flush()
        state = read_status(session, digest_id)
    runtime().queues.signal_clock()
    return state


def _emit(state: DigestState, done: str, *, as_json: bool) -> None:
    emit(digest_state_json(state), f"{done} {progress.describe_state(state)}", as_json=as_json)
