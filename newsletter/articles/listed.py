"""The articles that readers are offered: in lists, in digests, in feeds and by search."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_

from newsletter.articles.models import Revision, RevisionKind


def is_listed() -> ColumnElement[bool]:
    """The condition that a revision is the newest of an article that is not withdrawn."""
    return and_(Revision.is_current, Revision.kind != RevisionKind.WITHDRAWAL)
