"""The articles of a draft, one change at a time: add, drop, put back, move, give a dek, take the newest revisions.

Each function changes the draft as it was read at `version` (None: as this transaction reads it), and raises
ConflictError when the digest is no draft or was changed since, and InvalidError for a digest that is a correction.
Each can change the lead: `digests.leads`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from newsletter.articles import queries as articles
from newsletter.articles.models import Revision
from newsletter.core.actors import Actor
from newsletter.core.cadence import Cadence
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.digests import changes, leads
from newsletter.digests.article_order import put_in_order
from newsletter.digests.correcting import refresh_correction
from newsletter.digests.models import MOST_ARTICLES, ChangeKind, Digest, DigestArticle
from newsletter.digests.queries import digest_article, get_digest, newer_revisions
from newsletter.digests.text import dek_line


def add_article(
    session: Session, digest_id: int, slug: str, *, position: int | None = None, version: int | None = None, by: Actor
) -> Digest:
    """Add an article at its newest revision, at `position` (1 for the first; None: at the end)."""
    article = _current(session, slug)
    with _recorded(session, digest_id, version, by) as change:
        digest = change.digest
        index = _index(position, len(digest.items) + 1)
        _insert(session, digest, DigestArticle(revision=article), index)
        change.note(ChangeKind.ADDED, slug=slug, title=article.title)
    return digest


def drop_article(session: Session, digest_id: int, slug: str, *, version: int | None = None, by: Actor) -> Digest:
    """Take an article out. If it was the named lead, no lead is named any more."""
    with _recorded(session, digest_id, version, by) as change:
        digest = change.digest
        item = digest_article(digest, slug)
        change.note(ChangeKind.DROPPED, slug=slug, title=item.revision.title)
        with leads.subject_follows(digest):
            if item.revision.article_id == digest.lead_id:
                digest.lead_id = None
            put_in_order(session, digest, [each for each in digest.items if each is not item])
    return digest


def put_back(session: Session, digest_id: int, slug: str, *, version: int | None = None, by: Actor) -> Digest:
    """Put an article that was taken out back where it stood, with its dek, at its newest revision.

    Raises NotFoundError when it was never taken out, or too many changes ago.
    """
    article = _current(session, slug)
    with _recorded(session, digest_id, version, by) as change:
        digest = change.digest
        index, own_dek = changes.last_place(session, digest, slug)
        item = DigestArticle(revision=article, own_dek=own_dek)
        _insert(session, digest, item, min(index, len(digest.items)))
        change.note(ChangeKind.PUT_BACK, slug=slug, title=article.title)
    return digest


def move_article(
    session: Session, digest_id: int, slug: str, position: int, *, version: int | None = None, by: Actor
) -> Digest:
    """Move an article to `position`, 1 for the first. A named lead stays the lead."""
    with _recorded(session, digest_id, version, by) as change:
        digest = change.digest
        item = digest_article(digest, slug)
        items = [each for each in digest.items if each is not item]
        items.insert(_index(position, len(digest.items)), item)
        with leads.subject_follows(digest):
            put_in_order(session, digest, items)
        change.note(ChangeKind.MOVED, slug=slug, title=item.revision.title, position=position)
    return digest


def set_dek(session: Session, digest_id: int, slug: str, dek: str, *, version: int | None = None, by: Actor) -> Digest:
    """Give an article a dek for this digest alone; "" gives it its own again.

    Raises InvalidError for a text that cannot be accepted.
    """
    line = dek_line(dek)
    with _recorded(session, digest_id, version, by) as change:
        item = digest_article(change.digest, slug)
        item.own_dek = "" if line == item.revision.dek else line
        change.note(ChangeKind.DEK, slug=slug, title=item.revision.title)
    return change.digest


def refresh_articles(session: Session, digest_id: int, *, version: int | None = None, by: Actor) -> list[str]:
    """Take the newest revision of each article, and the newest correction of one that is a correction; the slugs of
    those that changed. An editor's texts stay.
    """
    if get_digest(session, digest_id).cadence == Cadence.CORRECTION:
        return refresh_correction(session, digest_id, version=version, by=by)
    with _recorded(session, digest_id, version, by) as change:
        digest = change.digest
        newer = {old.id: new for old, new in newer_revisions(session, digest)}
        with leads.subject_follows(digest):
            for item in digest.items:
                item.revision = newer.get(item.revision_id, item.revision)
            session.flush()
        change.note(ChangeKind.REFRESHED)
    return [revision.slug for revision in newer.values()]


@contextmanager
def _recorded(session: Session, digest_id: int, version: int | None, by: Actor) -> Iterator[changes.Recording]:
    if get_digest(session, digest_id).cadence == Cadence.CORRECTION:
        raise InvalidError(
            "digest.holds_no_articles", "Digest %(digest)s is a correction: it holds no articles.", digest=digest_id
        )
    with changes.recorded(session, digest_id, version, by=by) as change:
        yield change


def _current(session: Session, slug: str) -> Revision:
    revision = articles.get_article(session, slug).current
    if revision.is_withdrawal:
        raise ConflictError("digest.article_withdrawn", "“%(slug)s” is withdrawn: no digest takes it.", slug=slug)
    return revision


def _insert(session: Session, digest: Digest, added: DigestArticle, index: int) -> None:
    """Put an article into the digest. Raises ConflictError when it is there, InvalidError when the digest is full."""
    revision = added.revision
    if any(item.revision.article_id == revision.article_id for item in digest.items):
        raise ConflictError(
            "digest.article_there", "Digest %(digest)s holds “%(slug)s” already.", digest=digest.id, slug=revision.slug
        )
    if len(digest.items) >= MOST_ARTICLES:
        raise InvalidError(
            "digest.full", "Digest %(digest)s holds %(most)d articles, and no more fit.", digest=digest.id,
            most=MOST_ARTICLES,
        )  # fmt: skip
    items = list(digest.items)
    items.insert(index, added)
    with leads.subject_follows(digest):
        put_in_order(session, digest, items)


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
