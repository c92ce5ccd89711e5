"""`newsletter subscribers`, for one reader: show, erase, unsuppress. And for many: unbounce, unsubscribed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from newsletter.cli.output import counted, emit, json_option, table
from newsletter.cli.subscribers import past
from newsletter.cli.subscribers.listing import subscribers
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.languages import ENGLISH, language_of
from newsletter.core.runtime import runtime
from newsletter.delivery.events import unbouncing
from newsletter.delivery.events.unbouncing import WrongBounces
from newsletter.privacy import data_export, erasure
from newsletter.serializers.subscribers import unsubscribe_counts_json
from newsletter.subscribers import addresses, preferences_words, queries
from newsletter.subscribers.account import unsubscribing
from newsletter.subscribers.models import SuppressionReason
from newsletter.subscribers.preferences import PREFERENCE_COLUMNS, Preferences
from newsletter.subscribers.suppression import unsuppress

__all__ = ["subscribers"]

Command = TypeVar("Command", bound=Callable[..., Any])

SUPPRESSED_BECAUSE = {
    SuppressionReason.UNSUBSCRIBED: "its reader unsubscribed",
    SuppressionReason.ERASED: "its reader was erased",
    SuppressionReason.BOUNCED: "a mail to it bounced",
    SuppressionReason.COMPLAINED: "its reader complained",
}


def _read_address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    return sys.stdin.readline() if value == "-" else value


def address_argument(command: Command) -> Command:
    """ADDRESS, or `-` for a line of stdin: other users of the machine can read command lines."""
    return click.argument("address", callback=_read_address)(command)


@subscribers.command()
@address_argument
@json_option
def show(address: str, as_json: bool) -> None:
    """Show what is kept of the reader of ADDRESS.

    Plain output masks the address. --json prints everything, as the reader's own download has it: the answer to a
    reader who asks by post.
    """
    suppression_key = runtime().settings.suppression_key
    with runtime().db.reading() as session:
        exported = past.export_without_row(session, suppression_key, address)
        if exported is not None:
            emit(exported, past.in_words(exported), as_json=as_json)
            return
        reader = queries.get_by_address(session, suppression_key, address)
        exported = data_export.export_subscriber(session, suppression_key, reader)
    emit(exported, _in_words(exported), as_json=as_json)


@subscribers.command()
@address_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(address: str, yes: bool, as_json: bool) -> None:
    """Erase the reader of ADDRESS for good; only a keyed hash stays, by which no import brings them back."""
    suppression_key = runtime().settings.suppression_key
    with runtime().db.reading() as session:
        is_past = past.export_without_row(session, suppression_key, address) is not None
        reader = None if is_past else queries.get_by_address(session, suppression_key, address)
    if reader is None:
        past.erase(address, yes=yes, as_json=as_json)
        return
    if not yes:
        click.confirm(f"Erase {addresses.mask(reader.address)}, number {reader.id}, for good?", abort=True, err=True)
    with runtime().db.transaction() as session:
        reader = queries.get_by_address(session, suppression_key, address)
        mail_id = erasure.erase_subscriber(session, suppression_key, reader, by=OPERATOR)
    if mail_id is not None:
        runtime().queues.enqueue_mails()
        words = "Erased. One last mail tells the reader so."
    else:
        words = "Erased. The address takes no mail, so none is sent."
    emit({"id": reader.id, "erased": True, "mailed": mail_id is not None}, words, as_json=as_json)


@subscribers.command("unsubscribed")
@click.option("--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="How far back.")
@json_option
def unsubscribed(days: int, as_json: bool) -> None:
    """Count the readers who unsubscribed, by the reason that they gave."""
    with runtime().db.reading() as session:
        counts = unsubscribing.reason_counts(session, clock.now() - timedelta(days=days))
    value = unsubscribe_counts_json(days, counts)
    rows = [(name.replace("_", " "), count) for name, count in value.items() if name not in ("days", "unsubscribed")]
    words = (
        f"{counts.total():,} unsubscribed in the last {counted(days, 'day')}.\n{table(rows, ('REASON', 'READERS'), '')}"
    )
    emit(value, words, as_json=as_json)


@subscribers.command("unsuppress")
@address_argument
@click.option("--reason", required=True, help="Why the suppression ends; kept without the address.")
@json_option
def unsuppress_(address: str, reason: str, as_json: bool) -> None:
    """Let an ADDRESS sign up and confirm again, whatever it was suppressed for."""
    with runtime().db.transaction() as session:
        cause = unsuppress.unsuppress(session, runtime().settings.suppression_key, address, reason, by=OPERATOR)
    words = f"It was suppressed because {SUPPRESSED_BECAUSE[cause]}. It may sign up and confirm again."
    emit({"was_suppressed_for": str(cause)}, words, as_json=as_json)


@subscribers.command("unbounce")
@click.option("--digest", "digest_id", type=int, help="Readers whose mail of this digest came back.")
@click.option("--reason", default="", help="Readers whose mail came back with these words.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def unbounce_(digest_id: int | None, reason: str, yes: bool, as_json: bool) -> None:
    """Bring back, without a new sign-up, the readers whom wrong bounces took: of a digest, with a reason, or both.

    Readers who also bounced for another reason, unsubscribed or complained stay out. --reason takes a reason as
    `digests show` prints it, or some words of it.
    """
    wrong = WrongBounces(digest_id, reason)
    with runtime().db.reading() as session:
        subscriber_ids = unbouncing.find_wrongly_bounced(session, wrong)
    if subscriber_ids and not yes:
        click.confirm(f"Bring back {counted(len(subscriber_ids), 'reader')}?", abort=True, err=True)
    count = 0
    for start in range(0, len(subscriber_ids), unbouncing.CHUNK):
        with runtime().db.transaction() as session:
            chunk = subscriber_ids[start : start + unbouncing.CHUNK]
            count += unbouncing.unbounce(session, runtime().settings.suppression_key, chunk, wrong, by=OPERATOR)
    words = (
        f"Subscribed again: {counted(count, 'reader')}."
        if subscriber_ids
        else "No subscription ended because of these bounces alone."
    )
    if count and runtime().settings.mail_transport == "sendgrid":
        words += " SendGrid sends nothing to addresses on its own bounce list: take them off there as well."
    emit({"unbounced": count}, words, as_json=as_json)


def _in_words(exported: dict[str, Any]) -> str:
    reader, preferences, suppression = exported["reader"], exported["preferences"], exported["suppression"]
    chosen = Preferences.from_columns({name: preferences[name] for name in PREFERENCE_COLUMNS})
    lines = [
        f"{addresses.mask(reader['address'])}, number {reader['id']}: {reader['status']}",
        *(f"  {name}: {value}" for name, value in preferences_words.rows(chosen, language_of(ENGLISH))),
        f"  Paused until: {preferences['paused_until'] or 'not paused'}",
        f"  signed up {reader['created_at']}, confirmed {reader['confirmed_at'] or 'never'}",
    ]
    if reader["unsubscribed_at"]:
        lines.append(f"  unsubscribed {reader['unsubscribed_at']}, {reader['unsubscribe_reason'] or 'gave no reason'}")
    if suppression:
        lines.append(f"  must not be mailed: {suppression['reason']}, {suppression['created_at']}")
    lines += [f"  digest {sent['digest_id']}: {sent['outcome']}" for sent in exported["letters"][:10]]
    lines += [f"  {event['kind']} {event['occurred_at']}: {event['reason']}" for event in exported["events"][:10]]
    return "\n".join(lines)
