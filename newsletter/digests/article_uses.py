"""The digests that an article stands in, in whatever revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.cadence import Cadence
from newsletter.core.db import plain_rows
from newsletter.digests.models import Digest, DigestArticle, DigestStatus

MOST_SHOWN = 3
"""Uses of one article that a list shows, the newest."""


class ArticleUse(NamedTuple):
    """An article's place in a digest that was not cancelled."""

    article_id: int
    digest_id: int
    cadence: Cadence
    status: DigestStatus
    goes_out_at: datetime | None
    """When it was sent, or will be; None while it is a draft."""


_USES = (
    select(
        DigestArticle.article_id,
        Digest.id,
        Digest.cadence,
        Digest.status,
        func.coalesce(Digest.sent_at, Digest.scheduled_at, type_=Digest.sent_at.type),
    )
    .join(Digest, Digest.id == DigestArticle.digest_id)
    .where(DigestArticle.article_id.in_(bindparam("articles", expanding=True)), Digest.status != DigestStatus.CANCELLED)
    .order_by(Digest.id.desc())
)
"""Made once: making it took longer than running it."""

IS_USED = exists(
    select(DigestArticle.id)
    .join(Digest, Digest.id == DigestArticle.digest_id)
    .where(DigestArticle.article_id == Revision.article_id, Digest.status != DigestStatus.CANCELLED)
    .correlate(Revision)
)
"""The condition that the article of a revision stands in a digest that was not cancelled."""


def article_uses(session: Session, article_ids: Sequence[int]) -> dict[int, list[ArticleUse]]:
    """The uses of each of these articles, the newest first."""
    uses: dict[int, list[ArticleUse]] = defaultdict(list)
    for row in plain_rows(session, _USES, {"articles": article_ids}):
        uses[row[0]].append(ArticleUse._make(row))
    return uses
