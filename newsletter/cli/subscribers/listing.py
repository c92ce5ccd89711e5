"""`newsletter subscribers list|count`: the readers of a status, or with some preferences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any, TypeVar

import click

from newsletter.cli.output import counted, emit, json_option, table
from newsletter.cli.subscribers.files import subscribers
from newsletter.core import clock
from newsletter.core.cadence import READER_CADENCES
from newsletter.core.languages import LANGUAGES
from newsletter.core.runtime import runtime
from newsletter.mail.formats import Format
from newsletter.serializers.subscribers import listed_subscriber_json, status_counts_json
from newsletter.subscribers import addresses, reader_selection
from newsletter.subscribers.models import Subscriber, SubscriberStatus
from newsletter.subscribers.reader_selection import ReaderSelection

__all__ = ["subscribers"]

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--status",
        "statuses",
        multiple=True,
        type=click.Choice([str(status) for status in SubscriberStatus]),
        help="Can be given again; all if it is not given.",
    ),
    click.option("--cadence", type=click.Choice([str(cadence) for cadence in READER_CADENCES])),
    click.option("--section", help="Readers of this section: they chose it, or all."),
    click.option("--min-trust", type=click.IntRange(0, 100), help="Readers who want this trust score or more."),
    click.option("--max-hype", metavar="LABEL", help="Readers whose highest hype this is."),
    click.option("--breaking/--no-breaking", default=None, help="Whether they get breaking news as it happens."),
    click.option("--hour", type=click.IntRange(0, 23), help="The hour at which their letters come."),
    click.option("--zone", help="The time zone of that hour."),
    click.option("--format", type=click.Choice([str(each) for each in Format])),
    click.option("--language", type=click.Choice(sorted(LANGUAGES))),
    click.option("--paused/--not-paused", default=None, help="Whether they have paused the letter."),
)


def _selection(command: Command) -> Command:
    """Add an option for the status and for each preference; the command gets a `selection`."""

    @wraps(command)
    def selecting(**values: Any) -> Any:
        names = ReaderSelection.__dataclass_fields__
        selection = ReaderSelection(**{name: values.pop(name) for name in names})
        return command(selection=selection, **values)

    for option in reversed(_OPTIONS):
        selecting = option(selecting)
    return selecting  # type: ignore[return-value]


def _today() -> date:
    return clock.today(runtime().settings.timezone)


@subscribers.command("list")
@_selection
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="NUMBER", help="Go on after this reader.")
@json_option
def list_(selection: ReaderSelection, limit: int, after: int, as_json: bool) -> None:
    """List readers by their numbers, oldest first. Plain output masks their addresses."""
    with runtime().db.reading() as session:
        found = reader_selection.find_readers(session, selection, _today(), after_id=after, limit=limit)
        head = ("NUMBER", "STATUS", "ADDRESS", "CADENCE", "TRUST", "SECTIONS")
        words = table([_row(reader) for reader in found], head, "No reader is like that.")
        if len(found) == limit:
            words += f"\nThere may be more: --after {found[-1].id} goes on."
        emit([listed_subscriber_json(reader) for reader in found], words, as_json=as_json)


@subscribers.command()
@_selection
@json_option
def count(selection: ReaderSelection, as_json: bool) -> None:
    """Count readers, in all and by status."""
    with runtime().db.reading() as session:
        counts = reader_selection.count_readers(session, selection, _today())
    rows = [(status, f"{counts[status]:,}") for status in SubscriberStatus if counts[status]]
    words = f"{counted(counts.total(), 'reader')}.\n{table(rows, ('STATUS', 'READERS'), '')}".strip()
    emit(status_counts_json(counts), words, as_json=as_json)


def _row(reader: Subscriber) -> tuple[object, ...]:
    sections = "all" if reader.sections is None else ", ".join(reader.sections)
    masked = addresses.mask(reader.address)
    return reader.id, reader.status, masked, reader.cadence, reader.min_trust, sections
