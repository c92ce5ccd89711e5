"""What a reader chose. Choices stand in columns, since they decide which letter a reader gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsletter.core.errors import InvalidError
from newsletter.subscribers.models import Cadence, Subscriber

MOST_SECTIONS = 50
LONGEST_SECTION = 60


@dataclass(frozen=True)
class Choices:
    """How often, which sections (None: all, future ones included), and the lowest trust score, 0 to 100.

    Raises InvalidError for what cannot be chosen. Sections are kept sorted and once each.
    """

    cadence: str = Cadence.WEEKLY
    sections: tuple[str, ...] | None = None
    min_trust: int = 0

    def __post_init__(self) -> None:
        if self.cadence not in tuple(Cadence):
            raise InvalidError(f"A letter comes {', '.join(list(Cadence)[:-1])} or {list(Cadence)[-1]}: choose one.")
        if not 0 <= self.min_trust <= 100:
            raise InvalidError("The lowest trust score is a number from 0 to 100.")
        if self.sections is not None:
            object.__setattr__(self, "sections", _sections(self.sections))

    @classmethod
    def of(cls, subscriber: Subscriber) -> Choices:
        """What this reader chose last."""
        sections = None if subscriber.sections is None else tuple(subscriber.sections)
        return cls(subscriber.cadence, sections, subscriber.min_trust)

    def columns(self) -> dict[str, object]:
        """The choices as columns of a subscriber."""
        sections = None if self.sections is None else list(self.sections)
        return {"cadence": str(self.cadence), "sections": sections, "min_trust": self.min_trust}


def _sections(names: Iterable[str]) -> tuple[str, ...]:
    chosen = sorted({name.strip() for name in names} - {""})
    if not chosen:
        raise InvalidError("Choose at least one section, or all of them.")
    if len(chosen) > MOST_SECTIONS or any(len(name) > LONGEST_SECTION or not name.isprintable() for name in chosen):
        raise InvalidError("Choose sections from the list.")
    return tuple(chosen)


def change(subscriber: Subscriber, choices: Choices) -> None:
    """Let the choices count from the next letter that is made."""
    for name, value in choices.columns().items():
        setattr(subscriber, name, value)
