"""The fields of preferences as they were entered, so that a page can show them again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from werkzeug.datastructures import MultiDict

from newsletter.core.errors import InvalidError
from newsletter.core.runtime import runtime
from newsletter.subscribers import addresses
from newsletter.subscribers.preferences import KnownNames, Preferences
from newsletter.web.forms import time_zones
from newsletter.web.request_values import parse_number

TRUST_STEPS = (0, 50, 60, 70, 80, 90)
"""The lowest trust scores that the forms offer; 0 is "any"."""

FieldErrors: TypeAlias = dict[str, InvalidError]
"""An error for each field that is wrong, by the field's name."""


def least_trust() -> str:
    """The publication's lowest trust score, which counts for a reader who chose none."""
    return str(runtime().settings.min_trust)


@dataclass(frozen=True)
class PreferencesForm:
    """The fields of the forms. `sections` counts only where `only` is set, `zone` only where there is an hour."""

    email: str = ""
    cadence: str = "weekly"
    breaking: bool = False
    only: bool = False
    sections: tuple[str, ...] = ()
    min_trust: str = field(default_factory=least_trust)
    max_hype: str = ""
    """"" is any."""
    hour: str = ""
    """"" is with the digest."""
    zone: str = ""
    format: str = "html"
    language: str = "en"

    @classmethod
    def from_signup(cls, form: MultiDict[str, str], page_language: str) -> PreferencesForm:
        """From a sign-up on a page of ours, or another site's form with an `email` field alone. The page's language
        counts unless one was chosen.
        """
        return replace(cls._common(form), language=form.get("language", page_language))

    @classmethod
    def from_preferences(cls, form: MultiDict[str, str]) -> PreferencesForm:
        """From the page of preferences, whose form has more fields than a sign-up."""
        return replace(
            cls._common(form),
            hour=form.get("hour", ""),
            zone=form.get("zone", ""),
            format=form.get("format", cls.format),
            language=form.get("language", cls.language),
        )

    @classmethod
    def _common(cls, form: MultiDict[str, str]) -> PreferencesForm:
        return cls(
            email=form.get("email", ""),
            cadence=form.get("cadence", cls.cadence),
            breaking="breaking" in form,
            only=form.get("which") == "only",
            sections=tuple(form.getlist("section")),
            min_trust=form.get("min_trust", least_trust()),
            max_hype=form.get("max_hype", ""),
        )

    @classmethod
    def from_json(cls, data: object) -> PreferencesForm:
        """From {"email", "cadence", "breaking" (true or false), "sections" (null: all), "min_trust", "max_hype" (null:
        any), "hour" and "zone" (null: with the digest), "format", "language"}. Raises InvalidError for another shape.
        """
        if not isinstance(data, dict):
            raise InvalidError("signup.no_object", "Send a JSON object with a field email.")
        sections = data.get("sections")
        names = sections if isinstance(sections, list) else []
        if not isinstance(data.get("breaking", False), bool):
            raise InvalidError("signup.breaking", "The field breaking is true or false.")
        return cls(
            email=_text(data.get("email", "")),
            cadence=_text(data.get("cadence", cls.cadence)),
            breaking=data.get("breaking", False),
            only=sections is not None,
            sections=tuple(_text(name) for name in names),
            min_trust=_text(data.get("min_trust", least_trust())),
            max_hype=_text_or_none(data.get("max_hype")),
            hour=_text_or_none(data.get("hour")),
            zone=_text_or_none(data.get("zone")),
            format=_text(data.get("format", cls.format)),
            language=_text(data.get("language", cls.language)),
        )

    @classmethod
    def showing(cls, preferences: Preferences) -> PreferencesForm:
        """A form that shows these preferences."""
        return cls(
            cadence=preferences.cadence,
            breaking=preferences.breaking,
            only=preferences.sections is not None,
            sections=preferences.sections or (),
            min_trust=str(preferences.min_trust),
            max_hype=preferences.max_hype or "",
            hour="" if preferences.hour is None else str(preferences.hour),
            zone=preferences.zone or "",
            format=preferences.format,
            language=preferences.language,
        )

    def address(self) -> tuple[str, FieldErrors]:
        """The address to write to, or an error for its field."""
        try:
            return addresses.normalise(self.email), {}
        except InvalidError as error:
            return "", {"email": error}

    def preferences(self, known_sections: Collection[str]) -> tuple[Preferences, FieldErrors]:
        """The preferences, and an error for each field that is wrong; such a field is left at its default.

        `known_sections` are the sections that may be chosen.
        """
        valid: dict[str, Any] = {}
        errors: FieldErrors = {}
        names = KnownNames(known_sections, runtime().settings.hype_labels)
        for name, values in self._values().items():
            try:
                names.check(Preferences(**values))
                valid |= values
            except InvalidError as error:
                errors[name] = error
        return Preferences(**valid), errors

    def _values(self) -> dict[str, dict[str, Any]]:
        """The preferences that each field makes, if it is right. A wrong hour is an error of the zone's field."""
        hour = _number(self.hour) if self.hour else None
        return {
            "cadence": {"cadence": self.cadence, "breaking": self.breaking},
            "sections": {"sections": self.sections if self.only else None},
            "min_trust": {"min_trust": _number(self.min_trust)},
            "max_hype": {"max_hype": self.max_hype or None},
            "zone": {"hour": hour, "zone": (self.zone or None) if self.hour else None},
            "format": {"format": self.format},
            "language": {"language": self.language},
        }

    def trust_steps(self) -> list[int]:
        """The lowest trust scores that the form offers: the steps, the publication's, and the chosen one."""
        return sorted({*TRUST_STEPS, runtime().settings.min_trust, max(0, _number(self.min_trust))})

    def hype_steps(self) -> list[str]:
        """The hype labels that the form offers: all but the last, which is the same as "any"."""
        labels = runtime().settings.hype_labels
        return [label for label in labels if label != labels[-1] or label == self.max_hype]

    def other_zone(self) -> str:
        """The chosen zone where the list has it not: another name of a place, as some browsers have it."""
        return "" if self.zone in time_zones.offered() else self.zone


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _text_or_none(value: object) -> str:
    """Empty for null. A value that is neither text nor a number becomes one that is no choice."""
    return "" if value is None else _text(value) or "?"


def _number(text: str) -> int:
    """The number, or -1, which is no choice."""
    number = parse_number(text)
    return -1 if number is None else number
