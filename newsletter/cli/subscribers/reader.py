"""`newsletter subscribers`, one reader at a time: show, erase, let them come back; and why readers leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.cli.output import emit, json_option, table
from newsletter.cli.subscribers.files import subscribers
from newsletter.core import clock
from newsletter.core.errors import NotFoundError
from newsletter.core.runtime import runtime
from newsletter.privacy import data_export, erasure
from newsletter.subscribers import addresses
from newsletter.subscribers.account import unsubscribing
from newsletter.subscribers.models import Subscriber, SuppressionReason, UnsubscribeReason
from newsletter.subscribers.suppression import suppressions, unsuppress

__all__ = ["subscribers"]

SUPPRESSED = {
    SuppressionReason.UNSUBSCRIBED: "its reader left",
    SuppressionReason.ERASED: "its reader was erased",
    SuppressionReason.BOUNCED: "a mail to it bounced",
    SuppressionReason.COMPLAINED: "its reader complained",
}


@subscribers.command()
@click.argument("address")
@json_option
def show(address: str, as_json: bool) -> None:
    """What is kept of the reader of ADDRESS.

    The words mask it, so that no screen shows more than was typed; --json prints everything, as the reader's own
    download has it: the answer to a reader who asks by post.
    """
    with runtime().db.reading() as session:
        reader = _find(session, address)
        kept = data_export.export_subscriber(session, runtime().settings.suppression_key, reader)
    emit(kept, _words(kept), as_json=as_json)


@subscribers.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(address: str, yes: bool, as_json: bool) -> None:
    """Erase the reader of ADDRESS for good; only a keyed hash stays, by which no import brings them back."""
    settings = runtime().settings
    with runtime().db.reading() as session:
        reader = _find(session, address)
    if not yes:
        click.confirm(f"Erase {addresses.mask(reader.address)}, number {reader.id}, for good?", abort=True, err=True)
    with runtime().db.transaction() as session:
        mail = erasure.erase_subscriber(session, settings.suppression_key, _find(session, address))
    if mail is not None:
        runtime().queues.enqueue_mail(mail)
    words = (
        "Erased. One last mail tells the reader so." if mail else "Erased. The address takes no mail, so none is sent."
    )
    emit({"id": reader.id, "erased": True, "mailed": mail is not None}, words, as_json=as_json)


@subscribers.command("unsubscribed")
@click.option("--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="How far back.")
@json_option
def unsubscribed(days: int, as_json: bool) -> None:
    """How many left, and why, as far as they said it."""
    with runtime().db.reading() as session:
        found = unsubscribing.reason_counts(session, clock.now() - timedelta(days=days))
    value = {
        "days": days,
        "unsubscribed": found.total(),
        **{str(reason): found[reason] for reason in UnsubscribeReason},
    }
    value["said_nothing"] = found[None]
    rows = [(name.replace("_", " "), count) for name, count in value.items() if name not in ("days", "unsubscribed")]
    head = ("REASON", "READERS")
    emit(value, f"{found.total():,} left in the last {days} days.\n{table(rows, head, '')}", as_json=as_json)


@subscribers.command("unsuppress")
@click.argument("address")
@click.option("--reason", "why", required=True, help="Why it is lifted; that is kept, without the address.")
@json_option
def unsuppress_(address: str, why: str, as_json: bool) -> None:
    """Let an ADDRESS sign up and confirm again, whatever it was suppressed for."""
    with runtime().db.transaction() as session:
        reason = unsuppress.unsuppress(session, runtime().settings.suppression_key, address, why)
    words = f"It was suppressed because {SUPPRESSED[reason]}. It may sign up and confirm again."
    emit({"was_suppressed_for": str(reason)}, words, as_json=as_json)


def _find(session: Session, address: str) -> Subscriber:
    """The reader, however the address is spelled. Raises NotFoundError that does not repeat it."""
    key = addresses.identity_key(addresses.normalise(address))
    reader = session.scalar(select(Subscriber).where(Subscriber.address_key == key))
    if reader is None:
        reason = suppressions.reason_for(session, runtime().settings.suppression_key, key)
        beside = f" It is not to be mailed: {reason}." if reason else ""
        raise NotFoundError(f"No reader has this address.{beside}")
    return reader


def _words(kept: dict[str, Any]) -> str:
    reader, preferences = kept["reader"], kept["preferences"]
    sections = "all sections" if preferences["sections"] is None else ", ".join(preferences["sections"])
    lines = [
        f"{addresses.mask(reader['address'])}, number {reader['id']}: {reader['status']}",
        f"  {preferences['cadence']}, {sections}, trust {preferences['min_trust']} and up",
        f"  signed up {reader['created_at']}, confirmed {reader['confirmed_at'] or 'never'}",
    ]
    if reader["unsubscribed_at"]:
        lines.append(f"  left {reader['unsubscribed_at']}, {reader['unsubscribe_reason'] or 'did not say why'}")
    if kept["suppression"]:
        lines.append(f"  not to be mailed: {kept['suppression']['reason']}, {kept['suppression']['created_at']}")
    lines += [f"  digest {sent['digest_id']}: {sent['outcome']}" for sent in kept["letters"][:10]]
    lines += [f"  {event['kind']} {event['occurred_at']}: {event['reason']}" for event in kept["events"][:10]]
    return "\n".join(lines)
