"""The digest that was sent last, as a sample for people who have not subscribed yet."""

from __future__ import annotations

import re
from html import escape

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from newsletter.articles.models import Revision
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from newsletter.digests.rendering import RenderedDigest, render_digest


def latest_digest(session: Session) -> Digest | None:
    """The digest that was sent last, with its articles. Breaking news is no sample of what readers usually get."""
    articles = selectinload(Digest.items).joinedload(DigestArticle.revision).joinedload(Revision.article)
    return session.scalar(
        select(Digest)
        .where(Digest.status == DigestStatus.SENT, Digest.cadence != Cadence.BREAKING)
        .order_by(Digest.sent_at.desc(), Digest.id.desc())
        .limit(1)
        .options(articles)
    )


def latest_digest_html(session: Session, settings: Settings, digest: Digest, language: str, *, instead: str) -> str:
    """The mail with all its articles in that language. A reader's own links lead to the address `instead`."""
    rendered = _rendered(session, settings, digest, language)
    whole, _text = rendered.edition(rendered.full_mask)
    personal = re.compile(rf'href="[^"]*{re.escape(rendered.placeholder)}[^"]*"')
    return personal.sub(lambda _: f'href="{escape(instead)}"', whole).replace(rendered.placeholder, "")


def _rendered(session: Session, settings: Settings, digest: Digest, language: str) -> RenderedDigest:
    """The digest as it was frozen; in a language that no reader had, as it would have been."""
    query = select(RenderedDigestRow.content).where(
        RenderedDigestRow.digest_id == digest.id, RenderedDigestRow.language == language
    )
    if (content := session.scalar(query)) is not None:
        return RenderedDigest.from_json(content)
    day = digest.sent_at.astimezone(settings.timezone).date() if digest.sent_at else None
    return render_digest(digest, settings, day=day, language=language)
