"""`newsletter articles`: withdrawing an article, and the addresses of its sources."""

from __future__ import annotations

from datetime import datetime

import click

from newsletter.articles import queries, revising
from newsletter.articles.addresses import set_source_addresses
from newsletter.cli.articles import importing as _importing  # noqa: F401 - adds its command
from newsletter.cli.articles.listing import articles
from newsletter.cli.output import emit, json_option
from newsletter.cli.times import ZonedTime
from newsletter.core.runtime import runtime
from newsletter.serializers.articles import revision_json

__all__ = ["articles"]


class SourceAddress(click.ParamType[tuple[int, str]]):
    """The number of a source and its address, like 1=https://example.org/; an empty address takes it away."""

    name = "source"

    def convert(
        self, value: str | tuple[int, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str]:
        if not isinstance(value, str):
            return value
        number, sign, address = value.partition("=")
        if not sign or not number.isdecimal() or len(number) > 4:
            self.fail("Write the number of a source and its address, like 1=https://example.org/.", param, ctx)
        return int(number), address


@articles.command()
@click.argument("slug")
@click.argument("sentence")
@click.option("--reported-at", type=ZonedTime(), help="The time at which the mistake was reported.")
@click.option("--published-at", type=ZonedTime(), help="The time of the withdrawal, if it is not now.")
@json_option
def withdraw(
    slug: str, sentence: str, reported_at: datetime | None, published_at: datetime | None, as_json: bool
) -> None:
    """Withdraw an article: SENTENCE tells readers why. Its page stays, and says so."""
    with runtime().db.transaction() as session:
        revision = revising.withdraw(session, slug, sentence, reported_at=reported_at, published_at=published_at)
        value = revision_json(revision)
    emit(value, f"Withdrawn at revision {value['revision']}. An update brings it back.", as_json=as_json)


@articles.command()
@click.argument("slug")
@click.argument("addresses", metavar="[NUMBER=ADDRESS]…", nargs=-1, type=SourceAddress())
@json_option
def sources(slug: str, addresses: tuple[tuple[int, str], ...], as_json: bool) -> None:
    """Show the sources of an article, or set their addresses (a small change); NUMBER= takes one away."""
    if addresses:
        with runtime().db.transaction() as session:
            set_source_addresses(session, slug, dict(addresses))
    with runtime().db.reading() as session:
        value = revision_json(queries.get_current(session, slug))["sources"]
    lines = [
        f"{number}. {' · '.join(filter(None, (each['publisher'], each['title'])))}\n   {each['url'] or '(no address)'}"
        for number, each in enumerate(value, 1)
    ]
    emit(value, "\n".join(lines), as_json=as_json)
