"""Choosing the corrections that a digest carries, and giving each reader's edition those that are for this reader."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from sqlalchemy.orm import Session

from newsletter.articles.models import Revision
from newsletter.core.cadence import Cadence
from newsletter.delivery.freezing.audience import Audience, AudienceKey
from newsletter.delivery.freezing.untold_readers import MOST_AT_ONCE, untold_bits
from newsletter.digests.models import Digest

ByBits: TypeAlias = "Mapping[AudienceKey, Mapping[int, array[int]]]"
"""Ids in rising order, by the edition of the articles, and then by the corrections: bit i for the one at i."""


class CorrectedAudience(NamedTuple):
    """The readers of a digest, with the corrections that each of them is to be told of."""

    corrections: Sequence[Revision]
    """The chosen ones. Each is for somebody."""
    readers: ByBits


def assign_corrections(
    session: Session, digest: Digest, pending: Sequence[Revision], audience: Audience
) -> CorrectedAudience:
    """Choose those of the `pending` corrections that `digest` carries: the first that are for a reader of `audience`,
    as many as fit into the masks.

    A reader without an article in this digest hears of serious corrections alone: a mail for a comma is no kindness.
    """
    last_id = max((ids[-1] for ids in audience.values()), default=0)
    told, chosen = array("H", bytes(2 * (last_id + 1))), list[Revision]()
    for start in range(0, len(pending), MOST_AT_ONCE):
        some = pending[start : start + MOST_AT_ONCE]
        untold = untold_bits(session, some, last_id)
        allowed = _allowed(some, digest)
        used = _used(untold, allowed, audience)[: digest.most_corrections - len(chosen)]
        if used:
            _add_bits(told, untold, allowed, used, audience, first=len(chosen))
            chosen += [some[number] for number in used]
        if len(chosen) == digest.most_corrections:
            break
    if not chosen:
        return CorrectedAudience((), {key: {0: ids} for key, ids in audience.items()})
    return CorrectedAudience(chosen, {key: _sorted_by_bits(ids, told) for key, ids in audience.items()})


def carry(corrected: CorrectedAudience, digest: Digest, count: int) -> Audience:
    """The audience when the first `count` corrections go along: their bits follow those of the articles.

    Nobody gets a digest that is a correction but those who are told of it.
    """
    allowed, articles = (1 << count) - 1, len(digest.items)
    parts: dict[AudienceKey, list[array[int]]] = defaultdict(list)
    for key, by_bits in corrected.readers.items():
        for bits, ids in by_bits.items():
            told = bits & allowed
            if told or digest.cadence != Cadence.CORRECTION:
                edition = key.edition._replace(mask=key.edition.mask | told << articles)
                parts[key._replace(edition=edition)].append(ids)
    return {key: _merged(arrays) for key, arrays in parts.items()}


def _used(untold: array[int], allowed: Callable[[AudienceKey], int], audience: Audience) -> list[int]:
    """The numbers of the corrections that are for somebody."""
    seen = 0
    for key, ids in audience.items():
        for bits in set(map(untold.__getitem__, ids)):
            seen |= bits & allowed(key)
    return [number for number in range(seen.bit_length()) if seen >> number & 1]


def _add_bits(
    told: array[int],
    untold: array[int],
    allowed: Callable[[AudienceKey], int],
    used: Sequence[int],
    audience: Audience,
    *,
    first: int,
) -> None:
    """Add the bits of the corrections at `used` to those of `told`, from the bit `first` on."""
    for key, ids in audience.items():
        renumbered = _Renumbered(used, allowed(key), first)
        for reader in ids:
            told[reader] |= renumbered[untold[reader]]


class _Renumbered(dict[int, int]):
    """From bits of all corrections to bits of the chosen ones alone: computed once for each combination."""

    def __init__(self, used: Sequence[int], allowed: int, first: int) -> None:
        self._numbers = [(old, first + new) for new, old in enumerate(used) if allowed >> old & 1]

    def __missing__(self, bits: int) -> int:
        self[bits] = sum(1 << new for old, new in self._numbers if bits >> old & 1)
        return self[bits]


def _allowed(corrections: Sequence[Revision], digest: Digest) -> Callable[[AudienceKey], int]:
    """The bits of the corrections of which the readers of an edition may be told; of a digest that is a correction,
    an editor has decided that.
    """
    every = (1 << len(corrections)) - 1
    if digest.cadence == Cadence.CORRECTION:
        return lambda key: every
    serious = sum(1 << number for number, each in enumerate(corrections) if each.serious)
    return lambda key: every if key.edition.mask else serious


def _sorted_by_bits(ids: array[int], told: array[int]) -> Mapping[int, array[int]]:
    groups: dict[int, array[int]] = defaultdict(lambda: array("q"))
    for reader in ids:
        groups[told[reader]].append(reader)
    return groups


def _merged(arrays: Sequence[array[int]]) -> array[int]:
    """One array of rising ids."""
    if len(arrays) == 1:
        return arrays[0]
    return array("q", sorted(reader for ids in arrays for reader in ids))
