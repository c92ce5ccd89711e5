"""`newsletter digests`, to look at one: show, preview."""

from __future__ import annotations

from pathlib import Path

import click

from newsletter.articles.models import Revision
from newsletter.cli.digests.contents_text import describe_contents, describe_subjects
from newsletter.cli.digests.drafts import digests
from newsletter.cli.digests.report_text import describe_report
from newsletter.cli.digests.times_text import describe_times
from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option
from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH, LANGUAGES
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.report import digest_report
from newsletter.delivery.reports.subjects import count_subjects
from newsletter.digests import queries, rendering
from newsletter.digests.rendering import RenderedDigest
from newsletter.serializers.digests import digest_json, digest_report_json, subjects_json

__all__ = ["digests"]


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def show(digest_id: int, as_json: bool) -> None:
    """Show a digest, its articles, who gets which subject, and what became of its mails."""
    with runtime().db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        report = digest_report(session, digest_id)
        subjects = count_subjects(session, runtime().settings, digest)
        value = digest_json(digest) | {"subjects": subjects_json(subjects), "report": digest_report_json(report)}
        subject, *titles = describe_contents(digest).splitlines()
    when = "".join(f", {time}" for time in describe_times(digest))
    reason = f" ({digest.paused_reason})" if digest.paused_reason else ""
    head = [subject, f"{digest.cadence}, {digest.status}{reason}{when}", *filter(None, [digest.paused_note])]
    lines = [*head, *titles, *describe_subjects(digest, subjects), describe_report(report)]
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
    """Write the digest as MJML, HTML and text, with what goes along now, and say who gets which subject."""
    with runtime().db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        subjects = count_subjects(session, runtime().settings, digest)
        corrections = [session.get_one(Revision, each.revision_id) for each in subjects.corrections]
        rendered = rendering.render_digest(digest, runtime().settings, corrections=corrections, language=language)
        words = describe_subjects(digest, subjects)
    name = f"digest-{digest_id}" if language == ENGLISH else f"digest-{digest_id}-{language}"
    paths = _write(rendered, out, name)
    value = {"id": digest_id, **paths, "subjects": subjects_json(subjects)}
    emit(value, "\n".join([*paths.values(), *words]), as_json=as_json)


def _write(rendered: RenderedDigest, folder: Path, name: str) -> dict[str, str]:
    """Write the edition with all articles and corrections; the path of each kind of file."""
    html, text = rendered.edition(rendered.full_mask)
    paths = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, content in {"mjml": rendered.mjml, "html": html, "txt": text}.items():
            path = folder / f"{name}.{kind}"
            path.write_text(content, encoding="utf-8")
            paths[kind] = str(path)
    except OSError as error:
        raise InvalidError(
            "output.not_writable", "%(path)s cannot be written to: %(reason)s.", path=folder, reason=error.strerror
        ) from error
    return paths
