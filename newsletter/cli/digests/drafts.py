"""`newsletter digests`, for drafts: compose, edit, list, show, preview."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from newsletter.cli.digests.report_text import describe_report
from newsletter.cli.digests.times_text import describe_times, short_time
from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option, table
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH, LANGUAGES
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.report import digest_report
from newsletter.digests import composing, queries, rendering
from newsletter.digests.models import Digest
from newsletter.serializers.digests import digest_json, digest_report_json

digests = AppGroup("digests", help="Digests: compose, preview, schedule, send, watch.")

CADENCES = click.Choice([cadence.value for cadence in Cadence])
TEXT_OPTIONS = (
    click.option("--subject", help="The subject line; the first headline when not given."),
    click.option("--preheader", help="The line that mailboxes show after the subject."),
    click.option("--intro", help="Text before the first article; empty lines separate paragraphs."),
)


def text_options(command: Any) -> Any:
    """Add the options for the texts that an editor writes."""
    for option in reversed(TEXT_OPTIONS):
        command = option(command)
    return command


@digests.command()
@click.option("--cadence", type=CADENCES, default="weekly", show_default=True, help="The readers it is for.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Earliest date of an article [one period back].")
@click.option("--section", "sections", multiple=True, help="Only this section; may be given again.")
@click.option("--min-trust", type=click.IntRange(0, 100), default=0, show_default=True, help="Lowest trust score.")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="At most so many articles.")
@click.option("--order", type=click.Choice(["newest", "trust"]), default="newest", show_default=True)
@text_options
@json_option
def compose(
    cadence: str,
    since: datetime | None,
    sections: tuple[str, ...],
    min_trust: int,
    limit: int,
    order: composing.Order,
    subject: str | None,
    preheader: str | None,
    intro: str | None,
    as_json: bool,
) -> None:
    """Pick articles by rule into a new draft."""
    rule = composing.Rule(Cadence(cadence), since.date() if since else None, sections or None, min_trust, limit, order)
    with runtime().db.transaction() as session:
        digest = composing.compose_draft(session, rule, subject=subject, preheader=preheader, intro=intro or "")
        value = digest_json(digest)
    sentence = f"Digest {digest.id} is a draft of {len(value['articles'])} articles. "
    sentence += f"Look: newsletter digests preview {digest.id}"
    emit(value, sentence, as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@text_options
@json_option
def edit(digest_id: int, subject: str | None, preheader: str | None, intro: str | None, as_json: bool) -> None:
    """Change the subject, preheader or introduction of a draft."""
    with runtime().db.transaction() as session:
        digest = composing.edit_draft(
            session, digest_id, subject=subject, preheader=preheader, intro=intro, by=OPERATOR
        )
        value = digest_json(digest)
    emit(value, f"Digest {digest_id}: {digest.subject}", as_json=as_json)


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
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def show(digest_id: int, as_json: bool) -> None:
    """Show a digest, its articles, and what became of its mails."""
    with runtime().db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        report = digest_report(session, digest_id)
        value = digest_json(digest) | {"report": digest_report_json(report)}
    articles = "\n".join(f"  {i}. {title}" for i, title in enumerate(value["titles"], 1))
    when = "".join(f", {time}" for time in describe_times(digest))
    head = f"{digest.subject}\n{digest.cadence}, {digest.status}{_paused(digest)}{when}"
    lines = [head, articles, *_who_gets_which(digest), describe_report(report)]
    emit(value, "\n".join(lines), as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Folder [here].")
@click.option(
    "--language",
    type=click.Choice(list(LANGUAGES)),
    default=ENGLISH,
    show_default=True,
    help="Of the words around the stories.",
)
@json_option
def preview(digest_id: int, out: Path, language: str, as_json: bool) -> None:
    """Write the digest as MJML, HTML and text."""
    with runtime().db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        rendered = rendering.render_digest(digest, runtime().settings, language=language)
        who = _who_gets_which(digest)
    html, text = rendered.edition(rendered.full_mask)
    paths = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for kind, content in {"mjml": rendered.mjml, "html": html, "txt": text}.items():
            name = f"digest-{digest_id}" if language == ENGLISH else f"digest-{digest_id}-{language}"
            paths[kind] = str(out / f"{name}.{kind}")
            Path(paths[kind]).write_text(content, encoding="utf-8")
    except OSError as error:
        raise InvalidError(
            "output.not_writable", "%(path)s cannot be written to: %(reason)s.", path=out, reason=error.strerror
        ) from error
    emit({"id": digest_id, **paths}, "\n".join([*paths.values(), *who]), as_json=as_json)


def _who_gets_which(digest: Digest) -> list[str]:
    """Which readers get the written subject and preheader; nothing when all of them do."""
    if len(digest.revisions) < 2:
        return []
    lead = digest.revisions[0].title
    return [
        f"Subject and preheader go to readers who get “{lead}”; others get their own first headlines.",
    ]


def _paused(digest: Digest) -> str:
    return f" ({digest.paused_reason}) {digest.paused_note or ''}".rstrip() if digest.paused_reason else ""
