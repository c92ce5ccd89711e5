"""The fields of a form that has to wait, for a proof or for a new sign-in: the page in between brings them along."""

from __future__ import annotations

from flask import request

CODE, CREDENTIAL, CHALLENGE = "proof_code", "credential", "challenge"
"""Fields of the page that asks for a proof."""


def entered_fields() -> list[tuple[str, str]]:
    """The names and values that were entered, without what each page adds for itself."""
    own = {CODE, CREDENTIAL, CHALLENGE, "form_token"}
    return [(name, value) for name, value in request.form.items(multi=True) if name not in own]


def target() -> str:
    """The path that the form goes to."""
    return request.full_path.rstrip("?")
