"""What a reader chose. Choices stand in columns, since they decide which letter a reader gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from newsletter.core.cadence import READER_CADENCES, Cadence
from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH, LANGUAGES
from newsletter.mail.formats import Format
from newsletter.subscribers.addresses import LOST
from newsletter.subscribers.models import Subscriber

MOST_SECTIONS = 50
LONGEST_NAME = 60
"""Characters of a section or a hype label."""

_CADENCES, _FORMATS = frozenset(READER_CADENCES), frozenset(Format)


@dataclass(frozen=True)
class Preferences:
    """How often, which sections (None: all, future ones included), the lowest trust score (0 to 100), the highest hype
    label (None: any), breaking news or not, the hour in a time zone (both or neither), format and language of mails.

    Raises InvalidError for what cannot be chosen. Sections are kept sorted and once each.
    """

    cadence: str = Cadence.WEEKLY
    sections: tuple[str, ...] | None = None
    min_trust: int = 0
    max_hype: str | None = None
    breaking: bool = False
    hour: int | None = None
    zone: str | None = None
    format: str = Format.HTML
    language: str = ENGLISH

    def __post_init__(self) -> None:
        if self.cadence not in _CADENCES:
            raise InvalidError(
                f"A letter comes {', '.join(READER_CADENCES[:-1])} or {READER_CADENCES[-1]}: choose one."
            )
        if not 0 <= self.min_trust <= 100:
            raise InvalidError("The lowest trust score is a number from 0 to 100.")
        if self.max_hype is not None and not _is_name(self.max_hype):
            raise InvalidError("Choose the highest hype from the list.")
        if self.sections is not None:
            object.__setattr__(self, "sections", _sections(self.sections))
        if (self.hour is None) != (self.zone is None):
            raise InvalidError("Choose an hour and the time zone that it is meant in, or neither.")
        if self.hour is not None and not 0 <= self.hour <= 23:
            raise InvalidError("The hour is a number from 0 to 23.")
        if self.zone is not None and self.zone not in time_zones():
            raise InvalidError("Choose a time zone from the list.")
        if self.format not in _FORMATS:
            raise InvalidError("A mail is html, with a text part, or text alone.")
        if self.language not in LANGUAGES:
            raise InvalidError("Choose a language from the list.")

    @classmethod
    def of(cls, subscriber: Subscriber) -> Preferences:
        """What this reader chose last."""
        return cls.from_columns({name: getattr(subscriber, name) for name in PREFERENCE_COLUMNS})

    @classmethod
    def from_columns(cls, columns: dict[str, object]) -> Preferences:
        """The preferences that `columns` wrote down. Raises InvalidError for others."""
        sections = columns.get("sections")
        return cls(**{**columns, "sections": tuple(sections) if isinstance(sections, list) else None})  # type: ignore[arg-type]

    def columns(self) -> dict[str, object]:
        """The preferences as columns of a subscriber."""
        return {
            **vars(self),
            "cadence": str(self.cadence),
            "format": str(self.format),
            "sections": None if self.sections is None else list(self.sections),
        }


PREFERENCE_COLUMNS = tuple(Preferences.__dataclass_fields__)
"""The columns that preferences stand in."""


@cache
def time_zones() -> frozenset[str]:
    """The names of the time zones that there are, without those that are no place ("posixrules", "localtime")."""
    return frozenset(name for name in available_timezones() if name == "UTC" or "/" in name)


def _sections(names: Iterable[str]) -> tuple[str, ...]:
    chosen = sorted({name.strip() for name in names} - {""})
    if not chosen:
        raise InvalidError("Choose at least one section, or all of them.")
    if len(chosen) > MOST_SECTIONS or not all(_is_name(name) for name in chosen):
        raise InvalidError("Choose sections from the list.")
    return tuple(chosen)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and LOST not in text


def set_preferences(subscriber: Subscriber, preferences: Preferences) -> None:
    """Let the preferences count from the next letter that is made."""
    for name, value in preferences.columns().items():
        setattr(subscriber, name, value)
