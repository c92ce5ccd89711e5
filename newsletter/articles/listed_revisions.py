"""The history of an article, and the corrections of all articles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BindParameter, ColumnElement, bindparam, select, tuple_
from sqlalchemy.orm import Session

from newsletter.articles.models import CORRECTING, Article, PublishedBasis, Revision, RevisionKind
from newsletter.articles.queries import article_not_found
from newsletter.articles.slugs import is_slug

_CURSOR = re.compile(r"(\d{1,17})-(\d{1,18})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class ListedRevision(NamedTuple):
    """A revision as histories and lists of corrections show it, without its texts."""

    revision_id: int
    article_id: int
    slug: str
    url: str | None
    """The address where the article can be read, if that is elsewhere."""
    number: int
    kind: RevisionKind
    note: str | None
    serious: bool
    reported_at: datetime | None
    published_at: datetime
    published_at_basis: PublishedBasis
    language: str
    section: str
    title: str
    trust: int
    written_by: str
    checked_by: str
    ai_use: str

    @property
    def is_correcting(self) -> bool:
        """Whether the revision says that something was wrong."""
        return self.kind in CORRECTING

    @property
    def is_withdrawal(self) -> bool:
        return self.kind == RevisionKind.WITHDRAWAL

    @property
    def cursor(self) -> CorrectionCursor:
        return CorrectionCursor(self.published_at, self.revision_id)


@dataclass(frozen=True)
class CorrectionCursor:
    """The place of a correction in the list, which stays the same whatever is published later."""

    published_at: datetime
    revision_id: int

    def __str__(self) -> str:
        return f"{(self.published_at - _EPOCH) // _MICROSECOND}-{self.revision_id}"


def parse_correction_cursor(text: str) -> CorrectionCursor | None:
    """The cursor that was written as `text`; None for any other text."""
    found = _CURSOR.fullmatch(text)
    return CorrectionCursor(_EPOCH + int(found[1]) * _MICROSECOND, int(found[2])) if found else None


class CorrectionPage(NamedTuple):
    """A page of the list, and where the next one begins; None at the end."""

    corrections: list[ListedRevision]
    older: CorrectionCursor | None


_COLUMNS = [
    Revision.id if name == "revision_id" else getattr(Article if name in ("slug", "url") else Revision, name)
    for name in ListedRevision._fields
]


def article_history(session: Session, slug: str) -> list[ListedRevision]:
    """All revisions of an article, the newest first. Raises NotFoundError."""
    query = select(*_COLUMNS).join(Article).where(Article.slug == slug).order_by(Revision.number.desc())
    found = session.execute(query).all() if is_slug(slug) else []
    if not found:
        raise article_not_found(slug)
    return [ListedRevision._make(row) for row in found]


def corrections(
    session: Session,
    size: int,
    *,
    before: CorrectionCursor | None = None,
    section: str | None = None,
    serious_only: bool = False,
) -> CorrectionPage:
    """The newest `size` corrections and withdrawals, by the time of their publication: of all, or of those older than
    `before`; of all sections, or of one. Each stays in the list, whatever became of its article.
    """
    query = select(*_COLUMNS).join(Article).where(is_correcting())
    if section is not None:
        query = query.where(Revision.section == section)
    if serious_only:
        query = query.where(Revision.serious)
    if before is not None:
        query = query.where(tuple_(Revision.published_at, Revision.id) < (before.published_at, before.revision_id))
    query = query.order_by(Revision.published_at.desc(), Revision.id.desc()).limit(size + 1)
    found = [ListedRevision._make(row) for row in session.execute(query)]
    shown = found[:size]
    return CorrectionPage(shown, shown[-1].cursor if len(found) > size else None)


def is_correcting() -> ColumnElement[bool]:
    """The condition that a revision is a correction or a withdrawal, in the words of the index over them."""
    kinds: BindParameter[list[RevisionKind]] = bindparam(
        "correcting", list(CORRECTING), expanding=True, literal_execute=True
    )
    return Revision.kind.in_(kinds)
