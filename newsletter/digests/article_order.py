"""The order of the articles of a draft."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from newsletter.digests.models import Digest, DigestArticle


def put_in_order(session: Session, digest: Digest, items: Sequence[DigestArticle]) -> None:
    """Number the articles anew. No two rows may share a position even for a moment, so all of them step aside first."""
    digest.items = list(items)
    for index, item in enumerate(items):
        item.position = -1 - index
    session.flush()
    for index, item in enumerate(items):
        item.position = index
    session.flush()
