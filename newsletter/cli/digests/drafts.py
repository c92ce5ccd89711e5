"""`newsletter digests`: compose, look, schedule, send. What follows is in `cli.digests.control`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from newsletter.cli.digests.report_text import describe_report
from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option, table
from newsletter.cli.times import ZonedTime
from newsletter.core.cadence import Cadence
from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH, LANGUAGES
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.report import digest_report
from newsletter.digests import composing, queries, rendering, scheduling
from newsletter.digests.models import Digest

digests = AppGroup("digests", help="Digests: compose, preview, schedule, send, watch.")

CADENCES = click.Choice([cadence.value for cadence in Cadence])
WORDS = (
    click.option("--subject", help="The subject line; the first headline when not given."),
    click.option("--preheader", help="The line that mailboxes show after the subject."),
    click.option("--intro", help="Words before the first article; empty lines part paragraphs."),
)


def words_options(command: Any) -> Any:
    for option in reversed(WORDS):
        command = option(command)
    return command


@digests.command()
@click.option("--cadence", type=CADENCES, default="weekly", show_default=True, help="Whose letter it is.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Earliest date of an article [one period back].")
@click.option("--section", "sections", multiple=True, help="Only this section; may be given again.")
@click.option("--min-trust", type=click.IntRange(0, 100), default=0, show_default=True, help="Lowest trust score.")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="At most so many articles.")
@click.option("--order", type=click.Choice(["newest", "trust"]), default="newest", show_default=True)
@words_options
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
        value = _json(digest)
    words = f"Digest {digest.id} is a draft of {len(value['articles'])} articles. "
    words += f"Look: newsletter digests preview {digest.id}"
    emit(value, words, as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@words_options
@json_option
def edit(digest_id: int, subject: str | None, preheader: str | None, intro: str | None, as_json: bool) -> None:
    """Set the words of a draft."""
    with runtime().db.transaction() as session:
        digest = composing.edit_draft(session, digest_id, subject=subject, preheader=preheader, intro=intro)
        value = _json(digest)
    emit(value, f"Digest {digest_id}: {digest.subject}", as_json=as_json)


@digests.command("list")
@json_option
def list_(as_json: bool) -> None:
    """The newest digests."""
    with runtime().db.reading() as session:
        found = [_json(digest) for digest in composing.newest_digests(session)]
    rows = [(d["id"], d["status"], d["cadence"], len(d["articles"]), d["subject"]) for d in found]
    head = ("ID", "STATUS", "CADENCE", "ARTICLES", "SUBJECT")
    emit(found, table(rows, head, "No digest yet: newsletter digests compose makes one."), as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def show(digest_id: int, as_json: bool) -> None:
    """A digest, its articles, and what became of its mails."""
    with runtime().db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        found = digest_report(session, digest_id)
        value = _json(digest) | {"report": found.as_json()}
    articles = "\n".join(f"  {i}. {title}" for i, title in enumerate(value["titles"], 1))
    words = f"{digest.subject}\n{digest.cadence}, {digest.status}{_note(digest)}\n{articles}\n{describe_report(found)}"
    emit(value, words, as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Folder [here].")
@click.option(
    "--language", type=click.Choice(list(LANGUAGES)), default=ENGLISH, show_default=True, help="Of the frame."
)
@json_option
def preview(digest_id: int, out: Path, language: str, as_json: bool) -> None:
    """Write the digest as MJML, HTML and text."""
    with runtime().db.reading() as session:
        rendered = rendering.render_digest(
            queries.get_digest(session, digest_id), runtime().settings, language=language
        )
    html, text = rendered.edition(rendered.full_mask)
    paths = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for kind, content in {"mjml": rendered.mjml, "html": html, "txt": text}.items():
            name = f"digest-{digest_id}" if language == ENGLISH else f"digest-{digest_id}-{language}"
            paths[kind] = str(out / f"{name}.{kind}")
            Path(paths[kind]).write_text(content, encoding="utf-8")
    except OSError as error:
        raise InvalidError(f"{out} cannot be written to: {error.strerror}.") from error
    emit({"id": digest_id, **paths}, "\n".join(paths.values()), as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--at", type=ZonedTime(), required=True, help='With its zone: "2026-12-01 07:00 Europe/Berlin".')
@click.option(
    "--provider-schedule", is_flag=True, help="Hand it over to SendGrid half an hour ahead; SendGrid keeps the time."
)
@json_option
def schedule(digest_id: int, at: datetime, provider_schedule: bool, as_json: bool) -> None:
    """Send a draft at a time to come; a scheduled digest is moved."""
    with runtime().db.transaction() as session:
        digest = scheduling.schedule_digest(
            session, runtime().settings, digest_id, at, provider_schedule=provider_schedule
        )
        value = _json(digest)
    emit(value, f"Digest {digest_id} will be sent on {at:%-d %B %Y at %H:%M %Z}.", as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def send(digest_id: int, as_json: bool) -> None:
    """Send a draft now: the clock takes it up within seconds."""
    with runtime().db.transaction() as session:
        value = _json(scheduling.send_now(session, runtime().settings, digest_id))
    emit(
        value,
        f"Digest {digest_id} is on its way. Watch: newsletter digests status {digest_id} --watch",
        as_json=as_json,
    )


def _note(digest: Digest) -> str:
    return f" ({digest.paused_reason}) {digest.paused_note or ''}".rstrip() if digest.paused_reason else ""


def _json(digest: Digest) -> dict[str, Any]:
    return {
        "id": digest.id,
        "status": digest.status,
        "paused_reason": digest.paused_reason,
        "paused_note": digest.paused_note,
        "cadence": digest.cadence,
        "subject": digest.subject,
        "preheader": digest.preheader,
        "intro": digest.intro,
        "scheduled_at": digest.scheduled_at.isoformat() if digest.scheduled_at else None,
        "articles": [revision.slug for revision in digest.revisions],
        "titles": [revision.title for revision in digest.revisions],
    }
