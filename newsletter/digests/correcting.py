"""Digests that are corrections: one correction or withdrawal, mailed at once to those who were sent the mistake."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.articles import queries as articles
from newsletter.articles.models import Article, Revision
from newsletter.core.actors import Actor
from newsletter.core.cadence import Cadence
from newsletter.core.errors import ConflictError
from newsletter.digests import changes, lifecycle
from newsletter.digests.headings import correction_subject
from newsletter.digests.models import Digest, DigestCorrection, DigestStatus
from newsletter.digests.pending_corrections import standing_corrections
from newsletter.digests.queries import get_digest


def draft_correction(session: Session, slug: str) -> Digest:
    """A draft that holds the newest correction of an article. Its subject is the headline, as a correction's.

    Raises NotFoundError for an unknown article, and ConflictError where nothing serious was corrected, or where another
    digest tells of it already.
    """
    revision = _to_be_told(session, articles.get_article(session, slug))
    other = session.scalar(
        select(Digest.id)
        .join(Digest.carried)
        .where(
            DigestCorrection.revision_id == revision.id,
            Digest.cadence == Cadence.CORRECTION,
            Digest.status != DigestStatus.CANCELLED,
        )
        .limit(1)
    )
    if other is not None:
        raise ConflictError(
            "digest.correction_there", "Digest %(digest)s tells of this correction already.", digest=other, slug=slug
        )
    digest = Digest(
        cadence=Cadence.CORRECTION,
        subject=correction_subject(revision),
        preheader="",
        carried=[DigestCorrection(bit=0, revision=revision)],
    )
    session.add(digest)
    session.flush()
    return digest


def refresh_correction(session: Session, digest_id: int, *, version: int | None = None, by: Actor) -> list[str]:
    """Take the newest correction of the article; its slug if it is another one.

    Raises ConflictError when the digest is no draft or was changed since `version`, or when nothing serious is left.
    """
    digest = get_digest(session, digest_id)
    digest = lifecycle.begin_edit(session, digest_id, digest.version if version is None else version, by=by)
    (carried,) = digest.carried
    newest = _to_be_told(session, carried.revision.article)
    if newest.id == carried.revision_id:
        return []
    if digest.subject == correction_subject(carried.revision):
        digest.subject = correction_subject(newest)
    carried.revision = newest
    session.flush()
    changes.end_undo(session, digest)
    return [newest.slug]


def _to_be_told(session: Session, article: Article) -> Revision:
    """The newest correction of an article. It is serious, or it followed a serious one that was not mailed at once: who
    was sent the mistake has not heard of that, and never would.
    """
    standing = standing_corrections(article)
    if not standing:
        raise ConflictError("article.not_corrected", "“%(slug)s” has no correction to tell of.", slug=article.slug)
    mailed = (
        select(func.max(Revision.number))
        .join(DigestCorrection, DigestCorrection.revision_id == Revision.id)
        .join(Digest, Digest.id == DigestCorrection.digest_id)
        .where(Revision.article_id == article.id, Digest.cadence == Cadence.CORRECTION)
        .where(Digest.frozen_at.is_not(None), Digest.status != DigestStatus.CANCELLED)
    )
    last = session.scalar(mailed) or 0
    if not any(each.serious for each in standing if each.number > last):
        raise ConflictError(
            "article.not_serious",
            "The correction of “%(slug)s” is not a serious one: the next digests carry it.",
            slug=article.slug,
        )
    return standing[0]
