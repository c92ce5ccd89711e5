"""The last letter that was sent, as a sample for those who do not get it yet."""

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
    """The digest that was sent last, with its articles; breaking news is no sample of a letter."""
    articles = selectinload(Digest.items).joinedload(DigestArticle.revision).joinedload(Revision.article)
    return session.scalar(
        select(Digest)
        .where(Digest.status == DigestStatus.SENT, Digest.cadence != Cadence.BREAKING)
        .order_by(Digest.sent_at.desc(), Digest.id.desc())
        .limit(1)
        .options(articles)
    )


def latest_digest_html(session: Session, digest: Digest, *, instead: str) -> str:
    """The mail with all its articles, as it was frozen; the address `instead` in place of a reader's own links."""
    query = (
        select(RenderedDigestRow)
        .where(RenderedDigestRow.digest_id == digest.id)
        .order_by(RenderedDigestRow.language != "en", RenderedDigestRow.language)
    )
    letter = RenderedDigest.from_json(session.scalars(query.limit(1)).one().content)
    whole, _text = letter.edition(letter.full_mask)
    personal = re.compile(rf'href="[^"]*{re.escape(letter.placeholder)}[^"]*"')
    return personal.sub(lambda _: f'href="{escape(instead)}"', whole).replace(letter.placeholder, "")
