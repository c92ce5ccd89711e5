"""Corrections that a digest carries: to exactly the readers who were sent the mistake, and to each of them once.

The ledger says both. A reader was sent a story if a mail of an edition with it was accepted. A reader was told of a
correction if a mail of an edition with it was accepted, or still can be: it waits, or is in doubt. Once the outcome of
such a mail is known, the next digest looks again.

An array that readers' ids index holds one bit for each correction. A million readers are 4 MB.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from newsletter.articles.models import CORRECTING, Revision, RevisionKind
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, Edition
from newsletter.digests.models import Digest, DigestArticle, DigestCorrection
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, IN_DOUBT, UNANSWERED, UNANSWERED_TWICE, WAITING

TOLD_WITHIN = timedelta(days=100)
"""The time after a correction in which digests carry it: a monthly digest brings it, and two more what did not fit."""
MOST_CANDIDATES = 32
"""Corrections that one freeze looks at: one bit each."""

_TOLD = (ACCEPTED, IN_DOUBT, UNANSWERED, UNANSWERED_TWICE, WAITING, DEFERRED)
_NOT_TOLD = bytes(code for code in range(256) if code not in _TOLD)
_NOT_SENT = bytes(code for code in range(256) if code != ACCEPTED)


class UntoldReaders(NamedTuple):
    """The readers who were sent a mistake, and not told of its correction."""

    corrections: Sequence[Revision]
    """Serious ones first, then the oldest."""
    due: array[int]
    """By reader's id: bit i is set for a reader who is to be told of the correction at i."""


def find_untold(session: Session, digest: Digest, highest_id: int) -> UntoldReaders:
    """The readers up to `highest_id` whom `digest` is to tell of corrections.

    A digest that is a correction looks for the readers of its own; breaking news carries none.
    """
    if digest.cadence == Cadence.BREAKING:
        return UntoldReaders((), array("I"))
    corrections = digest.corrections if digest.cadence == Cadence.CORRECTION else _candidates(session)
    return UntoldReaders(
        corrections, _due_bits(session, digest, corrections, highest_id) if corrections else array("I")
    )


def _candidates(session: Session) -> Sequence[Revision]:
    """The newest correction or withdrawal of each article that a digest has carried, if it is recent.

    A withdrawal that an update took back is none: its readers would hear that the story is gone.
    """
    newest = (
        select(func.max(Revision.id))
        .where(Revision.kind.in_(CORRECTING), Revision.published_at > clock.now() - TOLD_WITHIN)
        .group_by(Revision.article_id)
    )
    sent = aliased(Revision)
    was_carried = (
        select(DigestArticle.id)
        .join(sent, sent.id == DigestArticle.revision_id)
        .where(sent.article_id == Revision.article_id, sent.number < Revision.number)
        .exists()
    )
    stands = or_(Revision.kind != RevisionKind.WITHDRAWAL, Revision.is_current)
    query = select(Revision).where(Revision.id.in_(newest), was_carried, stands).options(joinedload(Revision.article))
    found = list(session.scalars(query))
    found.sort(key=lambda each: (not each.serious, each.published_at, each.id))
    return found[:MOST_CANDIDATES]


class _Carried(NamedTuple):
    """The bits of a digest's masks that say something of the corrections: (bit of the mask, bit of the correction)."""

    mistakes: list[tuple[int, int]]
    """Stories at a revision before the correction."""
    corrections: list[tuple[int, int]]


def _due_bits(session: Session, digest: Digest, corrections: Sequence[Revision], highest_id: int) -> array[int]:
    """The corrections that each reader up to `highest_id` is to be told of."""
    carried = _carried(session, digest, corrections)
    due = array("I", bytes(4 * (highest_id + 1)))
    for ids, bits in _reached(session, {key: each.mistakes for key, each in carried.items()}, due, _NOT_SENT):
        for subscriber_id in ids:
            due[subscriber_id] |= bits
    for ids, bits in _reached(session, {key: each.corrections for key, each in carried.items()}, due, _NOT_TOLD):
        for subscriber_id in ids:
            due[subscriber_id] &= ~bits
    return due


def _reached(
    session: Session, carried: Mapping[int, list[tuple[int, int]]], due: array[int], others: bytes
) -> Iterator[tuple[Sequence[int], int]]:
    """The readers of each batch, up to the last that `due` knows, and the bits that their edition stands for; without
    those whose outcome is one of the `others`.
    """
    rows = session.execute(
        select(Batch.recipients, Batch.outcomes, Edition.mask, Batch.digest_id)
        .join(Batch.edition)
        .where(Batch.digest_id.in_([digest_id for digest_id, found in carried.items() if found]), Edition.mask > 0)
        .execution_options(yield_per=100)
    )
    for recipients, outcomes, mask, digest_id in rows:
        bits = sum(correction for bit, correction in carried[digest_id] if mask & bit)
        if bits:
            ids = packing.unpack_ids(recipients)
            ids = ids[: bisect_right(ids, len(due) - 1)]
            if len(outcomes.translate(None, others)) == len(outcomes):
                yield ids, bits
            else:
                yield [each for each, code in zip(ids, outcomes, strict=False) if code not in others], bits


def _carried(session: Session, digest: Digest, corrections: Sequence[Revision]) -> Mapping[int, _Carried]:
    """The corrections and their stories that other digests carried, by digest."""
    found: dict[int, _Carried] = defaultdict(lambda: _Carried([], []))
    number_of = {each.article_id: number for number, each in enumerate(corrections)}
    stories = select(DigestArticle.digest_id, DigestArticle.position, Revision.article_id, Revision.number).join(
        Revision, Revision.id == DigestArticle.revision_id
    )
    for digest_id, position, article_id, revision in session.execute(
        stories.where(Revision.article_id.in_(number_of), DigestArticle.digest_id != digest.id)
    ):
        number = number_of[article_id]
        if revision < corrections[number].number:
            found[digest_id].mistakes.append((1 << position, 1 << number))
    told = select(DigestCorrection.digest_id, DigestCorrection.bit, Revision.article_id).join(DigestCorrection.revision)
    ids = [each.id for each in corrections]
    for digest_id, bit, article_id in session.execute(
        told.where(DigestCorrection.revision_id.in_(ids), DigestCorrection.digest_id != digest.id)
    ):
        found[digest_id].corrections.append((1 << bit, 1 << number_of[article_id]))
    return found
