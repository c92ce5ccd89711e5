"""Corrections of which readers may still have to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from newsletter.articles.listed_revisions import is_correcting
from newsletter.articles.models import CORRECTING, Article, Revision, RevisionKind
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.digests.models import Digest, DigestArticle

TOLD_WITHIN = timedelta(days=100)
"""The time after a correction in which digests carry it. A monthly digest has three chances."""


def pending_corrections(session: Session, digest: Digest) -> Sequence[Revision]:
    """The corrections that `digest` could tell of, serious ones first, then the oldest; the ledger knows to whom.

    Of each article that a digest has held it is the newest that stands, if it is recent. Breaking news tells of none,
    and a digest that is a correction of its own alone.
    """
    if digest.cadence == Cadence.BREAKING:
        return ()
    if digest.cadence == Cadence.CORRECTION:
        return digest.corrections
    newest = (
        select(func.max(Revision.id))
        .where(is_correcting(), _stands(), Revision.created_at > clock.now() - TOLD_WITHIN)
        .group_by(Revision.article_id)
    )
    sent = aliased(Revision)
    was_held = (
        select(DigestArticle.id)
        .join(sent, sent.id == DigestArticle.revision_id)
        .where(DigestArticle.article_id == Revision.article_id, sent.number < Revision.number)
        .exists()
    )
    query = select(Revision).where(Revision.id.in_(newest), was_held).options(joinedload(Revision.article))
    return sorted(session.scalars(query), key=lambda each: (not each.serious, each.published_at, each.id))


def standing_corrections(article: Article) -> list[Revision]:
    """The corrections of an article, the newest first, and its withdrawal unless it was taken back."""
    correcting = (each for each in reversed(article.revisions) if each.kind in CORRECTING)
    return [each for each in correcting if each.is_current or not each.is_withdrawal]


def newest_correction(article: Article) -> Revision | None:
    """The newest correction or withdrawal of an article that stands; None for one that has none."""
    return next(iter(standing_corrections(article)), None)


def _stands() -> ColumnElement[bool]:
    """A withdrawal that an update took back is told no more: its readers would hear that the story is gone."""
    return or_(Revision.kind != RevisionKind.WITHDRAWAL, Revision.is_current)
