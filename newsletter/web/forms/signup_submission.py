"""The result of a posted sign-up, which the views for people and for programs each put into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from flask import request

from newsletter.core.runtime import runtime
from newsletter.subscribers import addresses, salts
from newsletter.subscribers.signup import rate_limit, requests, typos
from newsletter.web.forms import form_tokens
from newsletter.web.forms.preferences_form import FieldErrors
from newsletter.web.forms.signup_admission import SignupPost, SignupVerdict
from newsletter.web.forms.signup_form import SignupForm
from newsletter.web.navigation import sections_in_use


@dataclass(frozen=True)
class Accepted:
    """The sign-up is stored as it was typed, and a worker sends what comes of it."""

    address: str

    @property
    def suggestion(self) -> str | None:
        """The address that was probably meant, where the domain looks mistyped. Nothing is sent there."""
        return typos.suggestion(self.address)


@dataclass(frozen=True)
class Invalid:
    """Some fields are wrong."""

    errors: FieldErrors


@dataclass(frozen=True)
class Unproven:
    """A program may have filled the form in: it has to be sent again."""

    is_used_up: bool = False
    """The form brought many sign-ups: its next one needs another token."""


@dataclass(frozen=True)
class Limited:
    """There are too many sign-ups; after `seconds` one may be accepted again."""

    seconds: int

    @property
    def minutes(self) -> int:
        """The seconds, rounded up."""
        return -(-self.seconds // 60)


SignupResult: TypeAlias = Accepted | Invalid | Unproven | Limited


def submit_signup(form: SignupForm) -> SignupResult:
    """Check a sign-up and store it."""
    address, address_errors = form.fields.address()
    preferences, preference_errors = form.fields.preferences(known_sections() if form.fields.only else [])
    if errors := {**address_errors, **preference_errors}:
        return Invalid(errors)
    token = form_tokens.read_form_token(form.form_token)
    if token is None or token.is_too_fast or form.honeypot:
        return Unproven()
    salt = salts.present_salt(runtime().db)
    post = SignupPost(runtime().queues.redis, form.form_token, address, preferences)
    is_forwarded = "X-Forwarded-For" in request.headers
    key = addresses.identity_key(address)
    admission = post.admit(rate_limit.limits_of(salt, key, request.remote_addr, is_forwarded=is_forwarded))
    match admission.verdict:
        case SignupVerdict.REPEATED | SignupVerdict.ADDRESS_LIMITED:
            return Accepted(address)  # and nothing else: one is done, the other would tell that others signed it up
        case SignupVerdict.FORM_USED_UP:
            return Unproven(is_used_up=True)
        case SignupVerdict.NETWORK_LIMITED:
            return Limited(admission.number)
    wording = agreement(token.language)
    requests.request_signup(runtime().db, address, preferences, page=token.page, wording=wording, rank=admission.number)
    post.remember()
    runtime().queues.enqueue_mails_of_many()
    return Accepted(address)


def known_sections() -> list[str]:
    """The sections that may be chosen."""
    return sections_in_use()


def agreement(language: str) -> str:
    """The words that somebody agrees to by signing up, in the language of the page."""
    return requests.agreement_text(runtime().settings.publication_name, language)
