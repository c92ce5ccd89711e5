"""What someone typed into a form of choices, as it was typed, so that a page can show it again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from newsletter.core.errors import InvalidError
from newsletter.subscribers import addresses
from newsletter.subscribers.choices import Choices

TRUST_STEPS = (0, 50, 60, 70, 80, 90)
"""The lowest trust scores that the forms offer; 0 is "any"."""

WRONG_SECTIONS = "Choose sections from the list."


@dataclass(frozen=True)
class Typed:
    """The fields of the forms. `sections` counts only where `only` is set."""

    email: str = ""
    cadence: str = "weekly"
    only: bool = False
    sections: tuple[str, ...] = ()
    min_trust: str = "0"

    @classmethod
    def from_form(cls, form: MultiDict[str, str]) -> Typed:
        """From a page of ours, or another site's form with an `email` field alone."""
        return cls(
            email=form.get("email", ""),
            cadence=form.get("cadence", cls.cadence),
            only=form.get("which") == "only",
            sections=tuple(form.getlist("section")),
            min_trust=form.get("min_trust", cls.min_trust),
        )

    @classmethod
    def from_json(cls, data: object) -> Typed:
        """From {"email", "cadence", "sections" (null: all), "min_trust"}. Raises InvalidError for another shape."""
        if not isinstance(data, dict):
            raise InvalidError("Send a JSON object with a field email.")
        sections = data.get("sections")
        names = sections if isinstance(sections, list) else []
        return cls(
            email=_text(data.get("email", "")),
            cadence=_text(data.get("cadence", cls.cadence)),
            only=sections is not None,
            sections=tuple(_text(name) for name in names),
            min_trust=_text(data.get("min_trust", cls.min_trust)),
        )

    @classmethod
    def from_choices(cls, choices: Choices) -> Typed:
        """A form that shows what was chosen."""
        return cls(
            cadence=choices.cadence,
            only=choices.sections is not None,
            sections=choices.sections or (),
            min_trust=str(choices.min_trust),
        )

    def address(self) -> tuple[str, dict[str, str]]:
        """The address to write to, or an error for its field."""
        try:
            return addresses.normalise(self.email), {}
        except InvalidError as error:
            return "", {"email": str(error)}

    def choices(self, known: Collection[str]) -> tuple[Choices, dict[str, str]]:
        """The choices, and for each field that cannot be taken (left at its default) why not.

        `known` are the sections that may be chosen.
        """
        good: dict[str, Any] = {}
        errors: dict[str, str] = {}
        wanted: dict[str, Any] = {
            "cadence": self.cadence,
            "min_trust": self._trust(),
            "sections": self.sections if self.only else None,
        }
        for name, value in wanted.items():
            try:
                if name == "sections" and self.only and not set(self.sections) <= set(known):
                    raise InvalidError(WRONG_SECTIONS)
                Choices(**{name: value})
                good[name] = value
            except InvalidError as error:
                errors[name] = str(error)
        return Choices(**good), errors

    def trust_steps(self) -> list[int]:
        """What the form offers as the lowest trust score: the steps, and what is chosen where it is none of them."""
        return sorted({*TRUST_STEPS, max(0, self._trust())})

    def _trust(self) -> int:
        text = self.min_trust
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else -1


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if type(value) is int else ""
