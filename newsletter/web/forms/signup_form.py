"""A sign-up as it was posted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import request

from newsletter.web.forms import form_tokens
from newsletter.web.forms.preferences_form import PreferencesForm
from newsletter.web.language import page_language


@dataclass(frozen=True)
class SignupForm:
    """The fields of a sign-up form."""

    fields: PreferencesForm
    form_token: str = ""
    honeypot: str = ""

    @classmethod
    def from_form(cls) -> SignupForm:
        """The form that was posted, from a page of ours or of another site."""
        form = request.form
        fields = PreferencesForm.from_signup(form, page_language().code)
        return cls(fields, form.get("form_token", ""), form.get("website", ""))

    @classmethod
    def from_json(cls) -> SignupForm:
        """The JSON that was posted. Raises InvalidError for JSON of another shape."""
        data = _json()
        fields = PreferencesForm.from_json(data)  # an object, or it raises
        token, honeypot = (str(data.get(name) or "") for name in ("form_token", "website"))
        return cls(fields, token, honeypot)

    def renewed(self) -> SignupForm:
        """The same fields in a form of its own, which is opened now."""
        return replace(self, form_token="")

    def next_token(self) -> str:
        """The token for the form when it is shown again: the time already spent on it counts."""
        token, language = form_tokens.read_form_token(self.form_token), page_language().code
        if token is not None and token.language == language:
            return self.form_token
        return form_tokens.issue_form_token(request.path, language)


def _json() -> Any:
    """The JSON that was posted; None when it cannot be read, or is nested more deeply than Python can follow."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None
