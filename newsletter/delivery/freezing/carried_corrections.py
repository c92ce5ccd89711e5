"""Choosing the corrections that a digest carries, and giving each reader's edition those that are for this reader."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.cadence import Cadence
from newsletter.delivery.freezing.audience import Audience, AudienceKey
from newsletter.delivery.freezing.told_readers import UntoldReaders, find_untold
from newsletter.digests.models import MOST_BITS, MOST_CORRECTIONS, Digest


class ReadersToTell(NamedTuple):
    """The readers of a digest with the corrections that each of them is to be told."""

    corrections: Sequence[Revision]
    """Those that could go along, in the order in which they are chosen."""
    by_due: Mapping[AudienceKey, Mapping[int, array[int]]]
    """Ids in rising order, by the edition of the articles and then by the corrections due: bit i for the one at i."""

    def most(self, articles: int) -> int:
        """The number of corrections that fit beside so many articles."""
        return min(len(self.corrections), MOST_CORRECTIONS, MOST_BITS - articles)

    def readers(self, number: int) -> int:
        """The readers whom the correction at `number` is for."""
        return sum(len(ids) for groups in self.by_due.values() for bits, ids in groups.items() if bits >> number & 1)


def readers_to_tell(session: Session, digest: Digest, audience: Audience) -> ReadersToTell:
    """Sort the readers of `audience` by the corrections that `digest` is to tell them.

    A reader without an article in this digest hears of serious corrections alone. Corrections for nobody are left out.
    """
    highest = max((ids[-1] for ids in audience.values() if ids), default=0)
    untold = find_untold(session, digest, highest)
    if not untold.corrections:
        return ReadersToTell((), {key: {0: ids} for key, ids in audience.items()})
    serious = sum(1 << number for number, each in enumerate(untold.corrections) if each.serious)
    every = (1 << len(untold.corrections)) - 1
    by_due = {key: _sorted_by_due(ids, untold, every if key.edition.mask else serious) for key, ids in audience.items()}
    return _without_unused(ReadersToTell(untold.corrections, by_due))


def carry(to_tell: ReadersToTell, count: int, articles: int, *, only_told: bool = False) -> Audience:
    """The audience when the first `count` corrections go along: their bits stand after those of the `articles`.

    `only_told` leaves out all readers who are told of none.
    """
    allowed = (1 << count) - 1
    groups: dict[AudienceKey, list[array[int]]] = defaultdict(list)
    for key, by_due in to_tell.by_due.items():
        for bits, ids in by_due.items():
            told = bits & allowed
            if told or not only_told:
                edition = key.edition._replace(mask=key.edition.mask | told << articles)
                groups[key._replace(edition=edition)].append(ids)
    return {key: _merged(parts) for key, parts in groups.items()}


def tells_only(digest: Digest) -> bool:
    """Whether nobody gets the digest but those who are told of its correction."""
    return digest.cadence == Cadence.CORRECTION


def _sorted_by_due(ids: array[int], untold: UntoldReaders, allowed: int) -> dict[int, array[int]]:
    groups: dict[int, array[int]] = defaultdict(lambda: array("q"))
    due = untold.due
    for subscriber_id in ids:
        groups[due[subscriber_id] & allowed].append(subscriber_id)
    return groups


def _without_unused(to_tell: ReadersToTell) -> ReadersToTell:
    """Without the corrections that are for nobody; the bits of the others move up."""
    counts: Counter[int] = Counter()
    for groups in to_tell.by_due.values():
        for bits, ids in groups.items():
            counts[bits] += len(ids)
    used = [n for n in range(len(to_tell.corrections)) if any(bits >> n & 1 for bits in counts)]
    moved = {bits: sum(1 << new for new, old in enumerate(used) if bits >> old & 1) for bits in counts}
    by_due = {key: {moved[bits]: ids for bits, ids in groups.items()} for key, groups in to_tell.by_due.items()}
    return ReadersToTell([to_tell.corrections[n] for n in used], by_due)


def _merged(parts: Sequence[array[int]]) -> array[int]:
    """One array of rising ids."""
    if len(parts) == 1:
        return parts[0]
    return array("q", sorted(subscriber_id for part in parts for subscriber_id in part))
