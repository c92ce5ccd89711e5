"""The sign-up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from newsletter.core import public_paths
from newsletter.subscribers.addresses import readable
from newsletter.subscribers.signup import confirmation_links
from newsletter.web import csrf
from newsletter.web.answer_cache import render_around
from newsletter.web.api import signup as api
from newsletter.web.forms.preferences_form import PreferencesForm
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
from newsletter.web.language import keep_query, page_language
from newsletter.web.negotiation import with_json
from newsletter.web.readers.blueprint import pages

ANSWER_TEMPLATES = ("check_mailbox.html", "private.html", "layout.html", "_form.html")
"""Of the answer to a sign-up. Compiled at the start of a service: the first reader would wait a tenth of a second."""


@pages.get(public_paths.SUBSCRIBE)
@with_json(api.describe_signup)
def subscribe_page() -> ResponseReturnValue:
    """The sign-up alone; `?section=` chooses some sections ahead."""
    sections = known_sections()
    chosen = tuple(section for section in request.args.getlist("section") if section in sections)
    keep_query(*(("section", section) for section in chosen))
    fields = PreferencesForm(only=bool(chosen), sections=chosen, language=page_language().code)
    return render_template("subscribe.html", notice="", **signup_values(SignupForm(fields), sections))


@pages.post(public_paths.SUBSCRIBE)
@with_json(api.sign_up)
def subscribe() -> ResponseReturnValue:
    """Sign up: the answer is the same for every address. From another site's form, first a page of ours."""
    form = SignupForm.from_form()
    if csrf.is_foreign():
        return _page(form, notice="from_another_site")
    match submit_signup(form):
        case Accepted() as accepted:
            return _check_mailbox(form, accepted)
        case Invalid(errors):
            return _page(form, 422, errors=errors)
        case Unproven(is_used_up):
            return _page(form.renewed() if is_used_up else form, notice="press_again")
        case Limited() as limit:
            response = _page(form, 429, notice="too_many", minutes=limit.minutes)
            response.headers["Retry-After"] = str(limit.seconds)
            return response


def _check_mailbox(form: SignupForm, accepted: Accepted) -> str:
    """Show the address as it was typed, with the form to mend it."""
    form = form.renewed()

    def page(address: str, typed: str, form_token: str) -> str:
        fields = replace(form.fields, email=typed)
        more = {"form_token": form_token, "suggestion": accepted.suggestion}
        values = signup_values(replace(form, fields=fields), known_sections(), **more)
        days = confirmation_links.CONFIRMATION_AGE.days
        return render_template("check_mailbox.html", address=address, days=days, **values)

    words = (readable(accepted.address), form.fields.email, form.next_token())
    if accepted.suggestion or not form.fields.has_defaults():
        return page(*words)
    return render_around(("check_mailbox", form.fields.language), page, *words)


def _page(form: SignupForm, status: int = 200, *, notice: str = "", **values: Any) -> Response:
    """The sign-up with what was entered, and what there is to say about it."""
    page = render_template("subscribe.html", notice=notice, **signup_values(form, known_sections(), **values))
    return make_response(page, status)


def signup_values(form: SignupForm, sections: list[str], **values: Any) -> dict[str, Any]:
    """The values that the form's template needs; `values` may hold errors."""
    return {
        "form": form.fields,
        "form_token": form.next_token(),
        "sections": sections,
        "agreement": agreement(page_language().code),
        "errors": {},
        **values,
    }
