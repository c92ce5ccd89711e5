"""What an editor, or a provider's event, decides of recipients whose outcome is open or was refused for a time."""

from __future__ import annotations

from bisect import bisect_left

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, undefer

from newsletter.core.errors import ConflictError, InvalidError
from newsletter.delivery.ledger import outcome_bytes, packing
from newsletter.delivery.ledger.models import Batch, BatchState, Refusal
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import get_digest
from newsletter.mail.outcomes import ACCEPTED, IN_DOUBT, REFUSED, WAITING


def batches_in_doubt(session: Session, digest_id: int) -> list[Batch]:
    """The batches of a digest that are in doubt, oldest first."""
    query = select(Batch).where(Batch.digest_id == digest_id, Batch.state == BatchState.IN_DOUBT).order_by(Batch.id)
    return list(session.scalars(query))


def lock_batch_in_doubt(session: Session, batch_id: int) -> Batch | None:
    """The batch, locked until the transaction ends; None when it is not in doubt (any more)."""
    query = select(Batch).where(Batch.id == batch_id, Batch.state == BatchState.IN_DOUBT).with_for_update()
    return session.scalar(query)


def resolve_batch(session: Session, batch: Batch, *, was_sent: bool) -> None:
    """Decide what became of those in doubt: accepted by the provider, or to be sent to again.

    The caller holds the batch (`in_doubt_batch`), so that of two who settle it only one does.
    """
    batch.outcomes = batch.outcomes.replace(bytes([IN_DOUBT]), bytes([ACCEPTED if was_sent else WAITING]))
    batch.state = outcome_bytes.batch_state(batch.outcomes)
    batch.provider_batch_id = batch.provider_batch_id if was_sent else None
    batch.note = None


def resolve_by_editor(session: Session, digest_id: int, batch_id: int, *, was_sent: bool) -> Batch:
    """What `digests resolve` does. Raises ConflictError unless that batch of that digest is in doubt."""
    get_digest(session, digest_id)
    batch = lock_batch_in_doubt(session, batch_id)
    if batch is not None and batch.withdrawing:
        raise ConflictError(f"Batch {batch_id} is just being taken back at SendGrid: look again in a minute.")
    if batch is None or batch.digest_id != digest_id:
        raise ConflictError(
            f"Batch {batch_id} of digest {digest_id} is not in doubt: `digests show` lists those that are."
        )
    resolve_batch(session, batch, was_sent=was_sent)
    if not was_sent:
        batch.resent_attempt = batch.attempt  # an event that proves the contrary becomes a note
    return batch


def retry_refused(session: Session, digest_id: int) -> int:
    """Send again to exactly those whose refusal was temporary; how many. A digest that was sent is sending again.

    Raises InvalidError when there is nobody, ConflictError when the digest was cancelled or is not sent yet.
    """
    digest = get_digest(session, digest_id)
    temporary = (Refusal.digest_id == digest_id, Refusal.temporary)
    readers = sorted(session.scalars(select(Refusal.subscriber_id).where(*temporary)))
    if not readers:
        raise InvalidError(
            f"Nobody of digest {digest_id} was refused for a time only: there is no one to send to again."
        )
    taken = session.execute(
        update(Digest)
        .where(Digest.id == digest_id, Digest.status.in_([DigestStatus.SENT, DigestStatus.SENDING]))
        .values(status=DigestStatus.SENDING, sent_at=None)
        .returning(Digest.id)
    ).one_or_none()
    if taken is None:
        raise ConflictError(f"Digest {digest_id} is {digest.status}: nothing of it is sent again.")
    again = _wait_again(session, digest_id, readers)
    session.execute(delete(Refusal).where(*temporary, Refusal.subscriber_id.in_(again)))
    session.refresh(digest)
    return len(again)


def _wait_again(session: Session, digest_id: int, readers: list[int]) -> list[int]:
    """Those of `readers` whose batch nobody holds wait from now on."""
    again = []
    free = (BatchState.DONE, BatchState.READY, BatchState.IN_DOUBT)
    batches = session.scalars(
        select(Batch)
        .where(Batch.digest_id == digest_id, Batch.state.in_(free))
        .where(Batch.first_id <= readers[-1], Batch.last_id >= readers[0])
        .options(undefer(Batch.recipients))
        .with_for_update()
    )
    for batch in batches:
        ids, outcomes = packing.unpack_ids(batch.recipients), bytearray(batch.outcomes)
        for reader in readers[bisect_left(readers, batch.first_id) : bisect_left(readers, batch.last_id + 1)]:
            place = bisect_left(ids, reader)
            if place < len(ids) and ids[place] == reader and outcomes[place] == REFUSED:
                outcomes[place] = WAITING
                again.append(reader)
        batch.outcomes = bytes(outcomes)
        batch.state = outcome_bytes.batch_state(batch.outcomes)
        batch.deferred_since = batch.not_before = None
    return again
