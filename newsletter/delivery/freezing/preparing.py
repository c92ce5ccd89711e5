"""Preparing a freeze: all that is read and rendered before the transaction that writes it down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.delivery.freezing import audience
from newsletter.delivery.freezing.carried_corrections import assign_corrections, carry
from newsletter.delivery.freezing.untold_readers import Carrier, other_carriers
from newsletter.digests import letter_names
from newsletter.digests.findings import blocking
from newsletter.digests.mail_findings import check_rendered
from newsletter.digests.models import Digest
from newsletter.digests.pending_corrections import pending_corrections
from newsletter.digests.rendering import RenderedDigest, render_digest


class PreparedFreeze(NamedTuple):
    """All that a freeze writes."""

    letter_name: str
    readers: audience.Audience
    rendered: Mapping[str, bytes]
    """By language."""
    corrections: Sequence[Revision]
    """Those that go along, in the order of their bits."""
    other_carriers: frozenset[Carrier]
    """The other digests with these corrections, from before the ledger was read."""


def prepare_freeze(session: Session, settings: Settings, digest: Digest) -> PreparedFreeze:
    """Read the audience and the corrections for it, and render the mails."""
    scheduled_at = digest.scheduled_at or clock.now()
    begins, day = max(scheduled_at, clock.now()), scheduled_at.astimezone(settings.timezone).date()
    letter_name = letter_names.next_letter_name(session, day, digest.cadence)
    pending = pending_corrections(session, digest)
    carriers = other_carriers(session, digest.id, pending)
    everyone = audience.read_audience(session, settings, digest.cadence, digest.revisions, begins=begins)
    corrected = assign_corrections(session, digest, pending, everyone)
    languages = {key.edition.language for key in everyone}

    def render(corrections: Sequence[Revision]) -> Mapping[str, RenderedDigest]:
        return {
            each: render_digest(digest, settings, letter_name, corrections=corrections, day=day, language=each)
            for each in languages
        }

    corrections, rendered = _that_fit(settings, corrected.corrections, render)
    readers = carry(corrected, digest, len(corrections))
    by_language = {language: each.to_json() for language, each in rendered.items()}
    carriers = frozenset(each for each in carriers if each.revision_id in {one.id for one in corrections})
    return PreparedFreeze(letter_name, readers, by_language, corrections, carriers)


def _that_fit(
    settings: Settings,
    corrections: Sequence[Revision],
    render: Callable[[Sequence[Revision]], Mapping[str, RenderedDigest]],
) -> tuple[Sequence[Revision], Mapping[str, RenderedDigest]]:
    """The first corrections with which the mails are as the preflight wants them, and the mails.

    The preflight has seen the digest without them. A correction blocks no digest: what does not fit waits for the next.
    """
    while True:
        rendered = render(corrections)
        if not corrections or not blocking(list(check_rendered(settings, list(rendered.values())))):
            return corrections, rendered
        corrections = corrections[:-1]
