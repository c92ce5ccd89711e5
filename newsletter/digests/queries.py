"""Reading digests."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core.errors import NotFoundError
from newsletter.digests.models import Digest


def get_digest(session: Session, digest_id: int) -> Digest:
    """A digest by its number. Raises NotFoundError."""
    digest = session.get(Digest, digest_id)
    if digest is None:
        raise NotFoundError("digest.unknown", "There is no digest %(digest)s.", digest=digest_id)
    return digest
