"""The digest that was sent last, as a sample for people who have not subscribed yet."""

from __future__ import annotations

import re
from html import escape

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from newsletter.articles.models import Revision
from newsletter.core.cadence import Cadence
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.digests.models import Digest, DigestArticle, DigestStatus
from newsletter.digests.rendering import RenderedDigest


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


def latest_digest_html(session: Session, digest: Digest, *, instead: str) -> str:
    """The mail with all its articles, as it was frozen. A reader's own links lead to the address `instead`."""
    query = (
        select(RenderedDigestRow)
        .where(RenderedDigestRow.digest_id == digest.id)
        .order_by(RenderedDigestRow.language != "en", RenderedDigestRow.language)
    )
    rendered = RenderedDigest.from_json(session.scalars(query.limit(1)).one().content)
    whole, _text = rendered.edition(rendered.full_mask)
    personal = re.compile(rf'href="[^"]*{re.escape(rendered.placeholder)}[^"]*"')
    return personal.sub(lambda _: f'href="{escape(instead)}"', whole).replace(rendered.placeholder, "")
