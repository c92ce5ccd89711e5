"""The readers who were sent a mistake and not told of its correction, as the ledger knows them.

A reader was sent a story if a mail of an edition with it was accepted. A reader counts as told of a correction if a
mail of an edition with it was accepted, or may still be: it waits, or is in doubt. Once it is known that none was
accepted, the reader is untold again.

The answer is an array that ids index, with a bit for each correction: 4 MB for a million readers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import compress
from operator import or_
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch, Edition
from newsletter.digests.models import Digest, DigestArticle, DigestCorrection
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, IN_DOUBT, UNANSWERED, UNANSWERED_TWICE, WAITING

MOST_AT_ONCE = 32
"""Corrections that fit into the bits of an element of the array."""


def _selectors(codes: Sequence[int]) -> bytes:
    """A table for `bytes.translate` that makes 1 of these outcomes, and 0 of all others."""
    return bytes(code in codes for code in range(256))


_SENT = _selectors([ACCEPTED])
_TOLD = _selectors([ACCEPTED, IN_DOUBT, UNANSWERED, UNANSWERED_TWICE, WAITING, DEFERRED])


def untold_bits(session: Session, corrections: Sequence[Revision], last_id: int) -> array[int]:
    """The corrections to tell each reader of, by id up to `last_id`: bit i is the one at i, of MOST_AT_ONCE at most."""
    number_of = {each.article_id: number for number, each in enumerate(corrections)}
    untold = array("I", bytes(4 * (last_id + 1)))
    for digest_id, bits in _mistakes(session, corrections, number_of).items():
        for ids, sent in _reached(session, digest_id, bits, last_id, _SENT):
            for reader in ids:
                untold[reader] |= sent
    for digest_id, bits in _told(session, corrections, number_of).items():
        for ids, told in _reached(session, digest_id, bits, last_id, _TOLD):
            for reader in ids:
                untold[reader] &= ~told
    return untold


class Carrier(NamedTuple):
    """A digest that is frozen with a correction."""

    digest_id: int
    revision_id: int


def other_carriers(session: Session, digest_id: int, corrections: Sequence[Revision]) -> frozenset[Carrier]:
    """The other digests that are frozen with one of these corrections. While they stay the same, nobody is told who was
    untold before.
    """
    rows = session.execute(
        select(DigestCorrection.digest_id, DigestCorrection.revision_id)
        .join(Digest, Digest.id == DigestCorrection.digest_id)
        .where(DigestCorrection.revision_id.in_([each.id for each in corrections]))
        .where(Digest.frozen_at.is_not(None), Digest.id != digest_id)
    )
    return frozenset(Carrier(*row) for row in rows)


def _mistakes(
    session: Session, corrections: Sequence[Revision], number_of: Mapping[int, int]
) -> Mapping[int, Mapping[int, int]]:
    """By digest, the bits of stories at revisions before their corrections, and the correction of each as a bit."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    rows = session.execute(
        select(DigestArticle.digest_id, DigestArticle.position, DigestArticle.article_id, Revision.number)
        .join(Revision, Revision.id == DigestArticle.revision_id)
        .where(DigestArticle.article_id.in_(number_of))
    )
    for digest_id, position, article_id, revision in rows:
        number = number_of[article_id]
        if revision < corrections[number].number:
            found[digest_id][1 << position] = 1 << number
    return found


def _told(
    session: Session, corrections: Sequence[Revision], number_of: Mapping[int, int]
) -> Mapping[int, Mapping[int, int]]:
    """By digest, the bits of the corrections that it carries, and each as a bit of ours."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    article_of = {each.id: each.article_id for each in corrections}
    rows = session.execute(
        select(DigestCorrection.digest_id, DigestCorrection.bit, DigestCorrection.revision_id).where(
            DigestCorrection.revision_id.in_(article_of)
        )
    )
    for digest_id, bit, revision_id in rows:
        found[digest_id][1 << bit] = 1 << number_of[article_of[revision_id]]
    return found


def _reached(
    session: Session, digest_id: int, bits: Mapping[int, int], last_id: int, selectors: bytes
) -> Iterator[tuple[Sequence[int], int]]:
    """The readers up to `last_id` of each batch of a digest whose edition has some of `bits`, and what these stand for;
    only readers whose outcome is selected.
    """
    rows = session.execute(
        select(Batch.recipients, Batch.outcomes, Edition.mask)
        .join(Batch.edition)
        .where(Batch.digest_id == digest_id, Batch.first_id <= last_id, Edition.mask.bitwise_and(sum(bits)) != 0)
        .execution_options(yield_per=100)
    )
    for recipients, outcomes, mask in rows:
        meaning = reduce(or_, (each for bit, each in bits.items() if mask & bit))
        ids = packing.unpack_ids(recipients)
        if ids[-1] > last_id:
            ids = ids[: bisect_right(ids, last_id)]
        selected = outcomes.translate(selectors)
        yield ids if all(selected) else list(compress(ids, selected)), meaning
