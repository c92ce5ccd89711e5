"""Reading digests."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, func, inspect, select
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from newsletter.articles.listed import is_listed
from newsletter.articles.models import Article, Revision, RevisionKind
from newsletter.core.cadence import COMPOSED_CADENCES
from newsletter.core.db import plain_rows
from newsletter.core.errors import NotFoundError
from newsletter.digests.models import Digest, DigestArticle, DigestCorrection, DigestStatus

LARGEST_ID = 1 << 63
"""No database asks for larger numbers."""

# Made once: each page of the desk that shows a digest took longer to make them than to run them.
_ITEMS = (
    select(DigestArticle)
    .join(DigestArticle.revision)
    .join(Revision.article)
    .options(contains_eager(DigestArticle.revision).contains_eager(Revision.article))
    .where(DigestArticle.digest_id == bindparam("digest"))
    .order_by(DigestArticle.position)
)
_PRESENT = select(Revision.article_id, Revision.number, Revision.kind).where(
    Revision.is_current, Revision.article_id.in_(bindparam("articles", expanding=True))
)
_NEWEST_DRAFT = (
    select(Digest)
    .where(Digest.status == DigestStatus.DRAFT, Digest.cadence.in_(COMPOSED_CADENCES))
    .order_by(Digest.id.desc())
    .limit(1)
)


class PresentRevision(NamedTuple):
    """The newest revision of an article, which may be a withdrawal."""

    number: int
    kind: RevisionKind

    @property
    def is_withdrawal(self) -> bool:
        return self.kind == RevisionKind.WITHDRAWAL


def get_digest(session: Session, digest_id: int) -> Digest:
    """A digest by its number. Raises NotFoundError."""
    digest = session.get(Digest, digest_id)
    if digest is None:
        raise NotFoundError("digest.unknown", "There is no digest %(digest)s.", digest=digest_id)
    return digest


def get_with_articles(session: Session, digest_id: int) -> Digest:
    """A digest by its number with its articles, in two queries. Raises NotFoundError."""
    digest = session.get(Digest, digest_id) if digest_id < LARGEST_ID else None
    if digest is None:
        raise NotFoundError("digest.unknown", "There is no digest %(digest)s.", digest=digest_id)
    if "items" in inspect(digest).unloaded:
        set_committed_value(digest, "items", session.scalars(_ITEMS, {"digest": digest_id}).all())
    return digest


def newest_digests(session: Session, limit: int = 50) -> list[Digest]:
    """Digests, the newest first, in three queries: of their articles only the names and the trust are read."""
    revision = selectinload(Digest.items).joinedload(DigestArticle.revision)
    names = (
        revision.load_only(Revision.article_id, Revision.title, Revision.trust),
        revision.joinedload(Revision.article).load_only(Article.slug),
    )
    corrected = selectinload(Digest.carried).joinedload(DigestCorrection.revision)
    slugs = corrected.load_only(Revision.article_id).joinedload(Revision.article).load_only(Article.slug)
    return list(session.scalars(select(Digest).order_by(Digest.id.desc()).limit(limit).options(*names, slugs)))


def count_articles(session: Session, digest_id: int) -> int:
    """The number of a digest's articles."""
    return session.scalar(select(func.count()).where(DigestArticle.digest_id == digest_id)) or 0


def newest_draft(session: Session) -> Digest | None:
    """The draft that was begun last and holds articles."""
    return session.scalars(_NEWEST_DRAFT).first()


def digest_article(digest: Digest, slug: str) -> DigestArticle:
    """The place of an article in a digest. Raises NotFoundError."""
    for item in digest.items:
        if item.revision.slug == slug:
            return item
    raise NotFoundError("digest.article_absent", "Digest %(digest)s holds no “%(slug)s”.", digest=digest.id, slug=slug)


def newer_revisions(session: Session, digest: Digest) -> list[tuple[Revision, Revision]]:
    """The articles of a digest that changed since it took them: the revision that it holds, and the newest; without
    withdrawn ones."""
    taken = {revision.article_id: revision for revision in digest.revisions}
    newest = session.scalars(
        select(Revision).where(is_listed(), Revision.article_id.in_(taken)).options(joinedload(Revision.article))
    )
    current = {revision.article_id: revision for revision in newest}
    pairs = [(each, current[each.article_id]) for each in taken.values() if each.article_id in current]
    return [(old, new) for old, new in pairs if new.number > old.number]


def present_revisions(session: Session, digest: Digest) -> list[tuple[Revision, PresentRevision]]:
    """The articles of a digest: the revision that it holds, and the newest one."""
    revisions = digest.revisions
    rows = plain_rows(session, _PRESENT, {"articles": [revision.article_id for revision in revisions]})
    newest = {article_id: PresentRevision(number, kind) for article_id, number, kind in rows}
    return [(each, newest[each.article_id]) for each in revisions]
