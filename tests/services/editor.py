"""An editor's decisions about a digest that is being sent."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.core.actors import OPERATOR
from newsletter.core.ids import BatchId, DigestId
from newsletter.delivery.ledger import cancelling, resolving, retrying
from newsletter.digests import lifecycle
from newsletter.digests.models import Digest, PausedReason


def pause(session: Session, digest_id: int) -> Digest:
    return lifecycle.pause(session, digest_id, PausedReason.EDITOR, None, by=OPERATOR)


def resume(session: Session, digest_id: int) -> Digest:
    return lifecycle.resume(session, digest_id, by=OPERATOR)


def cancel(session: Session, digest_id: int) -> Digest:
    return cancelling.cancel_digest(session, digest_id, by=OPERATOR)


def retry(session: Session, digest_id: int, reason: str | None = None) -> int:
    """The number of recipients who are sent to again."""
    return retrying.retry_refused(session, digest_id, reason=reason, by=OPERATOR)


def resolve(session: Session, digest_id: int, batch_id: int = 1, *, was_sent: bool) -> None:
    resolving.resolve_by_editor(session, DigestId(digest_id), BatchId(batch_id), was_sent=was_sent)
