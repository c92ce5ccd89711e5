"""`newsletter digests test`: an edition as a mail, for an editor to look at."""

from __future__ import annotations

import click

from newsletter.cli.digests.scheduling import digests
from newsletter.cli.numbers import ROW
from newsletter.cli.output import counted, emit, json_option
from newsletter.core.languages import ENGLISH, LANGUAGES
from newsletter.core.runtime import runtime
from newsletter.mail.formats import Format
from newsletter.operations.digest_samples import send_sample
from newsletter.subscribers.preferences import Preferences

__all__ = ["digests"]


@digests.command("test")
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--to", "address", required=True, metavar="ADDRESS", help="The address to send it to.")
@click.option("--section", "sections", multiple=True, help="As for a reader of this section; may be given again.")
@click.option("--min-trust", type=click.IntRange(0, 100), default=0, help="As for a reader with this lowest trust.")
@click.option("--format", "format_", type=click.Choice([each.value for each in Format]), default=Format.HTML.value)
@click.option(
    "--language",
    type=click.Choice(list(LANGUAGES)),
    default=ENGLISH,
    help="The language around the stories.",
)
@json_option
def test(
    digest_id: int,
    address: str,
    sections: tuple[str, ...],
    min_trust: int,
    format_: str,
    language: str,
    as_json: bool,
) -> None:
    """Mail a digest to yourself, marked as a test and counted nowhere."""
    preferences = Preferences(sections=sections or None, min_trust=min_trust, format=format_, language=language)
    sent = send_sample(runtime(), digest_id, address, preferences)
    value = {"id": digest_id, "subject": sent.subject, "articles": list(sent.articles)}
    emit(value, f"Sent as “{sent.subject}”, with {counted(len(sent.articles), 'article')}.", as_json=as_json)
