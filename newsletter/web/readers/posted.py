"""A sign-up as it was posted: what was typed, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import request

from newsletter.core.errors import InvalidError
from newsletter.subscribers import addresses, typos
from newsletter.web.readers import marks
from newsletter.web.readers.typed import Typed


@dataclass(frozen=True)
class Posted:
    """The fields of a sign-up form. The address is taken as it was typed when `keep` is set."""

    typed: Typed
    mark: str = ""
    trap: str = ""
    keep: bool = False

    @classmethod
    def from_request(cls) -> Posted:
        """From a form, or from JSON. Raises InvalidError for JSON of another shape."""
        if request.is_json:
            data = _json()
            typed = Typed.from_json(data)  # an object, or it raises
            mark, trap = (str(data.get(name) or "") for name in ("mark", "website"))
            return cls(typed, mark, trap, keep=data.get("keep") is True)
        form = request.form
        typed, use = Typed.from_form(form), form.get("use", "")
        if use == "suggested" and (meant := suggestion(typed.email)):
            typed, use = replace(typed, email=meant), "typed"
        # Whoever was asked about an address and sends it again means it.
        keep = use == "typed" or form.get("asked_about") == typed.email
        return cls(typed, form.get("mark", ""), form.get("website", ""), keep)

    @property
    def fresh_mark(self) -> str:
        """The mark for the form when it is shown again: the time already spent on it counts."""
        return self.mark if marks.read(self.mark) else marks.make(request.path)


def _json() -> Any:
    """What was posted; None when it cannot be read, or is nested more deeply than Python goes along with."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def suggestion(email: str) -> str | None:
    """The address that was probably meant instead of what was typed; None when there is nothing to ask."""
    try:
        return typos.suggestion(addresses.normalise(email))
    except InvalidError:
        return None
