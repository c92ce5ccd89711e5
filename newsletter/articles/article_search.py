"""The search in articles: title, dek, TL;DR and body of the newest revisions. Withdrawn articles leave it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.articles.texts import body_text, bullets_text
from newsletter.core.search import Place, SearchIndex, label, words_of

INDEX = SearchIndex("article_search", "article_id")


def place_of(revision: Revision) -> Place:
    """The place of a revision in lists and in the index."""
    return Place(revision.date, revision.article_id)


def replace_entry(session: Session, before: Revision | None, now: Revision) -> None:
    """Bring the index up to date with a new revision, in its transaction. `before` is the one that it follows."""
    if before is not None:
        INDEX.remove(session, place_of(before))
    if not now.is_withdrawal:
        INDEX.put(session, place_of(now), words_of_revision(now))


def words_of_revision(revision: Revision) -> list[str]:
    """The words by which a revision is found; the first one stands for its section."""
    texts = (revision.title, revision.dek, *bullets_text(revision), body_text(revision))
    return [label(revision.section), *words_of(*texts)]
