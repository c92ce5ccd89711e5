"""The order of entries: by day, and within a day by number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

_BITS = 40
"""Of the number. Ordinals of days need 22 more, which a signed column of 64 bits holds."""
LARGEST_NUMBER = (1 << _BITS) - 1


@dataclass(frozen=True, order=True)
class Place:
    """The place of an entry: the id of its row in the index, so that the newest entries are found without sorting."""

    day: date
    number: int
    """Of an article or a digest; 0 to LARGEST_NUMBER."""

    def __int__(self) -> int:
        return (self.day.toordinal() << _BITS) | min(self.number, LARGEST_NUMBER)

    @classmethod
    def from_int(cls, value: int) -> Place:
        """The place that `int` made."""
        return cls(date.fromordinal(value >> _BITS), value & LARGEST_NUMBER)
