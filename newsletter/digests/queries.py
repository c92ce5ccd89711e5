"""Reading digests."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from newsletter.articles.models import Article, Revision
from newsletter.core.errors import NotFoundError
from newsletter.digests.models import Digest, DigestArticle


def get_digest(session: Session, digest_id: int) -> Digest:
    """A digest by its number. Raises NotFoundError."""
    digest = session.get(Digest, digest_id)
    if digest is None:
        raise NotFoundError("digest.unknown", "There is no digest %(digest)s.", digest=digest_id)
    return digest


def newest_digests(session: Session, limit: int = 50) -> list[Digest]:
    """Digests, the newest first, in two queries: of their articles only slugs and titles are read."""
    revision = selectinload(Digest.items).joinedload(DigestArticle.revision)
    names = (
        revision.load_only(Revision.title),
        revision.joinedload(Revision.article).load_only(Article.slug),
    )
    return list(session.scalars(select(Digest).order_by(Digest.id.desc()).limit(limit).options(*names)))
