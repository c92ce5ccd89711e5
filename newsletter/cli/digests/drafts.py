"""`newsletter digests`: compose and edit drafts, list all digests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup

from newsletter.cli.digests.contents_text import describe_contents
from newsletter.cli.digests.times_text import short_time
from newsletter.cli.numbers import ROW
from newsletter.cli.output import counted, emit, json_option, table
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import COMPOSED_CADENCES, Cadence
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.subjects import count_subjects
from newsletter.digests import composing, correcting, queries
from newsletter.digests.picked_articles import Order, Rule
from newsletter.serializers.digests import digest_json

digests = AppGroup("digests", help="Digests: compose, preview, schedule, send, watch.")

CADENCES = click.Choice([cadence.value for cadence in COMPOSED_CADENCES])
TEXT_OPTIONS = (
    click.option("--subject", help="The subject line; the first headline when not given."),
    click.option("--preheader", help="The line that mailboxes show after the subject."),
    click.option("--intro", help="Text before the first article; empty lines separate paragraphs."),
    click.option(
        "--intro-with-lead/--intro-for-all", default=None, help="Whether only editions with the lead have the intro."
    ),
)


def text_options(command: Any) -> Any:
    """Add the options for the texts that an editor writes."""
    for option in reversed(TEXT_OPTIONS):
        command = option(command)
    return command


@digests.command()
@click.option("--cadence", type=CADENCES, default="weekly", show_default=True, help="The readers it is for.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Earliest date of an article [one cadence back].")
@click.option("--section", "sections", multiple=True, help="Only this section; may be given again.")
@click.option("--min-trust", type=click.IntRange(0, 100), help="Lowest trust score [MIN_TRUST].")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="At most this many articles.")
@click.option("--order", type=click.Choice(["newest", "trust"]), default="newest", show_default=True)
@text_options
@json_option
def compose(
    cadence: str,
    since: datetime | None,
    sections: tuple[str, ...],
    min_trust: int | None,
    limit: int,
    order: Order,
    subject: str | None,
    preheader: str | None,
    intro: str | None,
    intro_with_lead: bool | None,
    as_json: bool,
) -> None:
    """Pick articles by rule into a new draft."""
    least = runtime().settings.min_trust if min_trust is None else min_trust
    rule = Rule(Cadence(cadence), since.date() if since else None, sections or None, least, limit, order)
    with runtime().db.transaction() as session:
        digest = composing.compose_draft(
            session,
            rule,
            subject=subject,
            preheader=preheader,
            intro=intro or "",
            intro_with_lead=bool(intro_with_lead),
        )
        value = digest_json(digest)
    sentence = f"Digest {digest.id} is a draft of {counted(len(value['articles']), 'article')}. "
    sentence += f"Look: newsletter digests preview {digest.id}"
    emit(value, sentence, as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--lead", metavar="SLUG", help="The article that the subject is about, wherever it stands.")
@click.option("--first-lead", is_flag=True, help="Let the first article be the lead again.")
@text_options
@json_option
def edit(
    digest_id: int,
    lead: str | None,
    first_lead: bool,
    subject: str | None,
    preheader: str | None,
    intro: str | None,
    intro_with_lead: bool | None,
    as_json: bool,
) -> None:
    """Change the lead, subject, preheader or introduction of a draft."""
    if first_lead and lead is not None:
        raise click.UsageError("--lead and --first-lead exclude each other.")
    with runtime().db.transaction() as session:
        digest = composing.edit_draft(
            session,
            digest_id,
            lead="" if first_lead else lead,
            subject=subject,
            preheader=preheader,
            intro=intro,
            intro_with_lead=intro_with_lead,
            by=OPERATOR,
        )
        value, words = digest_json(digest), describe_contents(digest)
    emit(value, f"Digest {digest_id}: {words}", as_json=as_json)


@digests.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the newest digests."""
    with runtime().db.reading() as session:
        newest = queries.newest_digests(session)
        found = [digest_json(digest) for digest in newest]
    rows = [
        (digest.id, digest.status, short_time(digest), digest.cadence, len(digest.items), digest.subject)
        for digest in newest
    ]
    head = ("ID", "STATUS", "WHEN (UTC)", "CADENCE", "ARTICLES", "SUBJECT")
    emit(found, table(rows, head, "No digest yet: newsletter digests compose makes one."), as_json=as_json)


@digests.command()
@click.argument("slug", metavar="SLUG")
@json_option
def correct(slug: str, as_json: bool) -> None:
    """Draft a mail about an article's serious correction or withdrawal, for those who were sent the mistake."""
    with runtime().db.transaction() as session:
        digest = correcting.draft_correction(session, slug)
        readers = count_subjects(session, runtime().settings, digest).mailed
        value = digest_json(digest) | {"readers": readers}
    sentence = f"Digest {digest.id} is a draft for {counted(readers, 'reader')} who were sent the mistake. "
    sentence += f"Look: newsletter digests preview {digest.id}"
    emit(value, sentence, as_json=as_json)
