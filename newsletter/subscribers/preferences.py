"""A reader's preferences. They stand in columns, since they decide which digest a reader gets."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from zoneinfo import available_timezones

from newsletter.core.cadence import READER_CADENCES, Cadence
from newsletter.core.errors import InvalidError
from newsletter.core.languages import ENGLISH, LANGUAGES, gettext_noop
from newsletter.core.name_rules import is_name
from newsletter.mail.formats import Format
from newsletter.subscribers.models import Subscriber

MOST_SECTIONS = 50

_CADENCES, _FORMATS = frozenset(READER_CADENCES), frozenset(Format)

CADENCE = gettext_noop("Choose how often the letter comes: daily, weekly or monthly.")
MIN_TRUST = gettext_noop("The lowest trust score is a number from 0 to 100.")
MAX_HYPE = gettext_noop("Choose the highest hype from the list.")
NO_SECTION = gettext_noop("Choose at least one section, or all of them.")
SECTIONS = gettext_noop("Choose sections from the list.")
TOO_MANY_SECTIONS = gettext_noop("Choose at most %(most)s sections, or all of them.")
HOUR = gettext_noop("The hour is a number from 0 to 23.")
HOUR_AND_ZONE = gettext_noop("Choose an hour and the time zone that it is meant in, or neither.")
ZONE = gettext_noop("Choose a time zone from the list.")
FORMAT = gettext_noop("Choose how emails look: html (with a text part) or text.")
LANGUAGE = gettext_noop("Choose a language from the list.")


@dataclass(frozen=True)
class Preferences:
    """How often, which sections (None: all, future ones included), the lowest trust score (0 to 100), the highest hype
    label (None: any), breaking news or not, the hour in a time zone (both or neither), format and language of mails.

    Raises InvalidError for a value that cannot be chosen. Sections are kept sorted and once each; whether they and the
    hype label are in use is for `KnownNames` to say.
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
            raise InvalidError("preferences.cadence", CADENCE)
        if not 0 <= self.min_trust <= 100:
            raise InvalidError("preferences.min_trust", MIN_TRUST)
        if self.max_hype is not None and not is_name(self.max_hype):
            raise InvalidError("preferences.max_hype", MAX_HYPE)
        if self.sections is not None:
            object.__setattr__(self, "sections", _sections(self.sections))
        if (self.hour is None) != (self.zone is None):
            raise InvalidError("preferences.hour_without_zone", HOUR_AND_ZONE)
        if self.hour is not None and not 0 <= self.hour <= 23:
            raise InvalidError("preferences.hour", HOUR)
        if self.zone is not None and self.zone not in time_zones():
            raise InvalidError("preferences.zone", ZONE)
        if self.format not in _FORMATS:
            raise InvalidError("preferences.format", FORMAT)
        if self.language not in LANGUAGES:
            raise InvalidError("preferences.language", LANGUAGE)

    @classmethod
    def of(cls, subscriber: Subscriber) -> Preferences:
        """The preferences that this subscriber chose last."""
        return cls.from_columns({name: getattr(subscriber, name) for name in PREFERENCE_COLUMNS})

    @classmethod
    def from_columns(cls, columns: dict[str, object]) -> Preferences:
        """The preferences that `columns` made plain. Raises InvalidError for others."""
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


class KnownNames(NamedTuple):
    """The sections and hype labels that are in use. Forms and imports check what readers choose against them."""

    sections: Collection[str] | None
    """None where no story has come in yet, so that no section can be called unknown."""
    hype_labels: Collection[str]

    def check(self, preferences: Preferences) -> None:
        """Raise InvalidError for a section or a hype label that is not in use."""
        if not all(map(self.has_section, preferences.sections or ())):
            raise InvalidError("preferences.unknown_section", SECTIONS)
        if preferences.max_hype is not None and preferences.max_hype not in self.hype_labels:
            raise InvalidError("preferences.unknown_hype", MAX_HYPE)

    def has_section(self, name: str) -> bool:
        """Whether a section is in use."""
        return self.sections is None or name in self.sections


@cache
def time_zones() -> frozenset[str]:
    """The names of the time zones that are places, so without "posixrules" and "localtime", and UTC."""
    return frozenset(name for name in available_timezones() if name == "UTC" or "/" in name)


def set_preferences(subscriber: Subscriber, preferences: Preferences) -> None:
    """Let the preferences count from the next digest that is frozen."""
    for name, value in preferences.columns().items():
        setattr(subscriber, name, value)


def _sections(names: Iterable[str]) -> tuple[str, ...]:
    chosen = sorted({name.strip() for name in names} - {""})
    if not chosen:
        raise InvalidError("preferences.no_section", NO_SECTION)
    if len(chosen) > MOST_SECTIONS:
        raise InvalidError("preferences.too_many_sections", TOO_MANY_SECTIONS, most=MOST_SECTIONS)
    if not all(map(is_name, chosen)):
        raise InvalidError("preferences.sections", SECTIONS)
    return tuple(chosen)
