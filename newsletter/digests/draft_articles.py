"""The articles of a draft, one change at a time: add, drop, move, take the newest revisions.

Each function changes the draft as it was read at `version` (None: as this transaction reads it), and raises
ConflictError when the digest is no draft or was changed since, and InvalidError for a digest that is a correction.
Each can change the lead: `digests.leads`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from newsletter.articles import queries as articles
from newsletter.core.actors import Actor
from newsletter.core.cadence import Cadence
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.digests import leads, lifecycle
from newsletter.digests.correcting import refresh_correction
from newsletter.digests.models import MOST_ARTICLES, Digest, DigestArticle
from newsletter.digests.queries import digest_article, get_digest, newer_revisions


def add_article(
    session: Session, digest_id: int, slug: str, *, position: int | None = None, version: int | None = None, by: Actor
) -> Digest:
    """Add an article at its newest revision, at `position` (1 for the first; None: at the end)."""
    revision = articles.get_article(session, slug).current
    if revision.is_withdrawal:
        raise ConflictError("digest.article_withdrawn", "“%(slug)s” is withdrawn: no digest takes it.", slug=slug)
    digest = _begin(session, digest_id, version, by)
    if any(item.revision.article_id == revision.article_id for item in digest.items):
        raise ConflictError(
            "digest.article_there", "Digest %(digest)s holds “%(slug)s” already.", digest=digest_id, slug=slug
        )
    if len(digest.items) >= MOST_ARTICLES:
        raise InvalidError(
            "digest.full", "Digest %(digest)s holds %(most)d articles, and no more fit.", digest=digest_id,
            most=MOST_ARTICLES,
        )  # fmt: skip
    items = list(digest.items)
    items.insert(_index(position, len(items) + 1), DigestArticle(revision=revision))
    with leads.subject_follows(digest):
        _put_in_order(session, digest, items)
    return digest


def drop_article(session: Session, digest_id: int, slug: str, *, version: int | None = None, by: Actor) -> Digest:
    """Take an article out. A named lead is none any more."""
    digest = _begin(session, digest_id, version, by)
    item = digest_article(digest, slug)
    with leads.subject_follows(digest):
        if item.revision.article_id == digest.lead_id:
            digest.lead_id = None
        _put_in_order(session, digest, [each for each in digest.items if each is not item])
    return digest


def move_article(
    session: Session, digest_id: int, slug: str, position: int, *, version: int | None = None, by: Actor
) -> Digest:
    """Move an article to `position`, 1 for the first. A named lead stays the lead."""
    digest = _begin(session, digest_id, version, by)
    item = digest_article(digest, slug)
    items = [each for each in digest.items if each is not item]
    items.insert(_index(position, len(digest.items)), item)
    with leads.subject_follows(digest):
        _put_in_order(session, digest, items)
    return digest


def refresh_articles(session: Session, digest_id: int, *, version: int | None = None, by: Actor) -> list[str]:
    """Take the newest revision of each article, and the newest correction of one that is a correction; the slugs of
    those that changed. An editor's texts stay.
    """
    if get_digest(session, digest_id).cadence == Cadence.CORRECTION:
        return refresh_correction(session, digest_id, version=version, by=by)
    digest = _begin(session, digest_id, version, by)
    newer = {old.id: new for old, new in newer_revisions(session, digest)}
    with leads.subject_follows(digest):
        for item in digest.items:
            item.revision = newer.get(item.revision_id, item.revision)
        session.flush()
    return [revision.slug for revision in newer.values()]


def _begin(session: Session, digest_id: int, version: int | None, by: Actor) -> Digest:
    read = get_digest(session, digest_id)
    if read.cadence == Cadence.CORRECTION:
        raise InvalidError(
            "digest.holds_no_articles", "Digest %(digest)s is a correction: it holds no articles.", digest=digest_id
        )
    return lifecycle.begin_edit(session, digest_id, read.version if version is None else version, by=by)


def _index(position: int | None, count: int) -> int:
    if position is None:
        return count - 1
    if not 1 <= position <= count:
        raise InvalidError(
            "digest.no_such_position",
            "There is no position %(position)d: they go from 1 to %(last)d.",
            position=position,
            last=count,
        )
    return position - 1


def _put_in_order(session: Session, digest: Digest, items: Sequence[DigestArticle]) -> None:
    """Number the articles anew. No two rows may share a position even for a moment, so all of them step aside first."""
    digest.items = list(items)
    for index, item in enumerate(items):
        item.position = -1 - index
    session.flush()
    for index, item in enumerate(items):
        item.position = index
    session.flush()
