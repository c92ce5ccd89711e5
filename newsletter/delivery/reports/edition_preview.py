"""An edition as its readers will get it, or got it, without anything that belongs to one reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.config import Settings
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.digests.models import Digest
from newsletter.digests.rendering import RenderedDigest, render_digest


class EditionPreview(NamedTuple):
    """The parts of an edition's mail. Links of a reader's own lead nowhere; all else are the bytes that are sent."""

    subject: str
    preheader: str
    html: str
    text: str


def rendered_in(
    session: Session, settings: Settings, digest: Digest, language: str, corrections: Sequence[Revision] = ()
) -> RenderedDigest:
    """The digest in a language: as it was frozen, or as it would be with these `corrections` if it were frozen now."""
    is_it = (RenderedDigestRow.digest_id == digest.id, RenderedDigestRow.language == language)
    if digest.frozen_at is not None:
        content = session.scalar(select(RenderedDigestRow.content).where(*is_it))
        if content is not None:
            return RenderedDigest.from_json(content)
    day = digest.scheduled_at.astimezone(settings.timezone).date() if digest.scheduled_at else None
    carried = digest.corrections or corrections
    return render_digest(digest, settings, digest.letter_name or "", corrections=carried, day=day, language=language)


def preview_edition(rendered: RenderedDigest, mask: int) -> EditionPreview:
    """The preview of the edition `mask`. Raises ValueError where there is no such edition."""
    html, text = rendered.edition(mask)
    own = re.compile(rf'href="[^"]*{re.escape(rendered.placeholder)}[^"]*"')
    return EditionPreview(
        rendered.subject_of(mask),
        rendered.preheader_of(mask),
        own.sub('href="#"', html).replace(rendered.placeholder, ""),
        text.replace(rendered.placeholder, "…"),
    )
