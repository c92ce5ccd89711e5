"""The sign-up for programs. It has the address of the page: `web.negotiation` chooses which of the two answers."""

from __future__ import annotations

from flask import Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.subscribers import addresses
from newsletter.subscribers.signup import confirmation_links
from newsletter.web import csrf, errors
from newsletter.web.forms import form_tokens
from newsletter.web.forms.preferences_form import FieldErrors
from newsletter.web.forms.signup_form import SignupForm
from newsletter.web.forms.signup_submission import (
    Accepted,
    Invalid,
    Limited,
    Unproven,
    agreement,
    known_sections,
    submit_signup,
)
from newsletter.web.language import page_language

PAGE = "a form that a program shows"
"""Kept with the sign-up as its page: which one it was, nobody can know."""


def describe_signup() -> ResponseReturnValue:
    """Return what a program needs to sign somebody up."""
    language = page_language()
    return jsonify(
        form_token=form_tokens.issue_form_token(PAGE, language.code),
        wording=agreement(language.code),
        sections=known_sections(),
    )


def sign_up() -> ResponseReturnValue:
    """Sign up: the answer is the same for every address."""
    form = SignupForm.from_json() if request.is_json else SignupForm.from_form()
    if csrf.is_foreign():
        abort(403)
    match submit_signup(form):
        case Accepted() as accepted:
            return _accepted(accepted), 202
        case Invalid(field_errors):
            return _invalid(field_errors)
        case Unproven():
            return _unproven()
        case Limited() as limit:
            return _limited(limit)


def _accepted(accepted: Accepted) -> Response:
    return jsonify(
        status="confirmation_sent",
        address=addresses.mask(accepted.address),
        link_works_days=confirmation_links.CONFIRMATION_AGE.days,
        suggestion=accepted.suggestion,
    )


def _invalid(field_errors: FieldErrors) -> Response:
    title = gettext_noop("Some fields are wrong")
    language = page_language()
    sentences = {field: language.error_message(error) for field, error in field_errors.items()}
    codes = {field: error.code for field, error in field_errors.items()}
    return errors.problem(
        422, language.gettext(title), " ".join(sentences.values()), code="signup.invalid", errors=sentences, codes=codes
    )


def _unproven() -> Response:
    error = InvalidError(
        "signup.form_token",
        "Ask for GET /subscribe with Accept: application/json, and send its form_token back, %(seconds)s seconds later "
        "or more.",
        seconds=form_tokens.FASTEST.seconds,
    )
    language = page_language()
    title, sentence = language.gettext(gettext_noop("Some fields are wrong")), language.error_message(error)
    return errors.problem(422, title, sentence, code=error.code, errors={"form_token": sentence})


def _limited(limit: Limited) -> Response:
    language = page_language()
    sentence = language.counted(
        "There have been too many sign-ups. Try again in %(number)s minute.",
        "There have been too many sign-ups. Try again in %(number)s minutes.",
        limit.minutes,
    )
    title = language.gettext(gettext_noop("Too many sign-ups"))
    response = errors.problem(429, title, sentence, code="signup.too_many")
    response.headers["Retry-After"] = str(limit.seconds)
    return response
