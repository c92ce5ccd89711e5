"""A sign-up as it was posted: what was typed, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import request

from newsletter.core.errors import InvalidError
from newsletter.subscribers import addresses
from newsletter.subscribers.signup import typos
from newsletter.web.readers import form_tokens
from newsletter.web.readers.preferences_form import PreferencesForm


@dataclass(frozen=True)
class SignupForm:
    """The fields of a sign-up form. The address is taken as it was typed when `keep` is set."""

    typed: PreferencesForm
    mark: str = ""
    trap: str = ""
    keep: bool = False

    @classmethod
    def from_request(cls) -> SignupForm:
        """From a form, or from JSON. Raises InvalidError for JSON of another shape."""
        if request.is_json:
            data = _json()
            typed = PreferencesForm.from_json(data)  # an object, or it raises
            mark, trap = (str(data.get(name) or "") for name in ("mark", "website"))
            return cls(typed, mark, trap, keep=data.get("keep") is True)
        form = request.form
        typed, use = PreferencesForm.from_form(form), form.get("use", "")
        if use == "suggested" and (meant := suggested_address(typed.email)):
            typed, use = replace(typed, email=meant), "typed"
        # Whoever was asked about an address and sends it again means it.
        keep = use == "typed" or form.get("asked_about") == typed.email
        return cls(typed, form.get("mark", ""), form.get("website", ""), keep)

    @property
    def fresh_mark(self) -> str:
        """The mark for the form when it is shown again: the time already spent on it counts."""
        return self.mark if form_tokens.read_form_token(self.mark) else form_tokens.issue(request.path)


def _json() -> Any:
    """What was posted; None when it cannot be read, or is nested more deeply than Python goes along with."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def suggested_address(email: str) -> str | None:
    """The address that was probably meant instead of what was typed; None when there is nothing to ask."""
    try:
        return typos.suggestion(addresses.normalise(email))
    except InvalidError:
        return None
