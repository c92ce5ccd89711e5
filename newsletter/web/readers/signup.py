"""The front page and the sign-up."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from newsletter.articles import queries
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.latest import latest_digest
from newsletter.digests.text import paragraphs
from newsletter.subscribers import addresses
from newsletter.subscribers.account import links
from newsletter.subscribers.signup import rate_limit, requests
from newsletter.web import errors, guards
from newsletter.web.readers import form_tokens
from newsletter.web.readers.blueprint import pages
from newsletter.web.readers.preferences_form import PreferencesForm
from newsletter.web.readers.signup_form import SignupForm, suggested_address

LATEST = 5
"""Stories on the front page while no letter has been sent."""
OF_LETTER = 3
"""Stories of the last letter there."""
BY_A_PROGRAM = "a form that a program shows"
"""The page of a sign-up by JSON: which one it was, nobody can know."""


@pages.get("/")
def front() -> str:
    """What the letter is, the sign-up, and the last letter; the latest stories while none has been sent."""
    with runtime().db.reading() as session:
        letter = latest_digest(session)
        stories = letter.revisions if letter else queries.current_revisions(session, LATEST)
        form = _form(SignupForm(PreferencesForm()), queries.sections(session))
        intro = paragraphs(letter.intro) if letter else []
        return render_template(
            "front.html", letter=letter, intro=intro, latest=stories, shown_of_letter=OF_LETTER, **form
        )


@pages.get("/subscribe")
def subscribe_page() -> ResponseReturnValue:
    """The sign-up alone; `?section=` chooses some ahead. For a program, what it needs to sign somebody up."""
    known = _sections()
    if errors.wants_json():
        response = jsonify(mark=form_tokens.issue(BY_A_PROGRAM), wording=_wording(), sections=known)
    else:
        wanted = tuple(section for section in request.args.getlist("section") if section in known)
        typed = PreferencesForm(only=bool(wanted), sections=wanted)
        response = make_response(render_template("subscribe.html", **_form(SignupForm(typed), known)))
    response.vary.add("Accept")
    return response


@pages.post("/subscribe")
def subscribe() -> ResponseReturnValue:
    """Sign up: the answer is the same for every address. From another site's form, first a page of ours."""
    posted = SignupForm.from_request()
    if guards.is_foreign():
        return abort(403) if errors.wants_json() else _page(posted, notice="elsewhere")
    address, wrong_address = posted.typed.address()
    preferences, wrong_choices = posted.typed.preferences(_sections() if posted.typed.only else [])
    if wrong := {**wrong_address, **wrong_choices}:
        return _ask_again(posted, wrong)
    mark = form_tokens.read_form_token(posted.mark)
    if mark is None or mark.is_too_fast or posted.trap:
        return _once_more(posted)
    if not posted.keep and (meant := suggested_address(address)):
        return _did_you_mean(posted, meant)
    granted = rate_limit.allow_signup(
        runtime().queues.redis,
        runtime().settings.secret_key,
        addresses.identity_key(address),
        request.remote_addr,
        is_forwarded="X-Forwarded-For" in request.headers,
    )
    if not granted.rank:
        return _busy(posted, granted.wait)
    with runtime().db.transaction() as session:
        requests.request_signup(session, address, preferences, page=mark.page, wording=_wording(), rank=granted.rank)
    runtime().queues.enqueue_signups()
    return _asked(address)


def _asked(address: str) -> ResponseReturnValue:
    days = links.CONFIRMATION_AGE.days
    if errors.wants_json():
        return jsonify(status="confirmation_sent", address=addresses.mask(address), link_works_days=days), 202
    return render_template("check_mailbox.html", address=address, days=days)


def _ask_again(posted: SignupForm, wrong: dict[str, str]) -> ResponseReturnValue:
    if errors.wants_json():
        return errors.answer(422, "That cannot be taken", " ".join(wrong.values()), errors=wrong)
    return _page(posted, 422, wrong=wrong)


def _once_more(posted: SignupForm) -> ResponseReturnValue:
    """A page with the form filled in: one press of its button signs up."""
    if errors.wants_json():
        words = (
            "Ask for GET /subscribe with Accept: application/json, and send its mark back in the field mark, "
            f"{form_tokens.FASTEST.seconds} seconds later or more."
        )
        return errors.answer(422, "That cannot be taken yet", words, errors={"mark": words})
    return _page(posted, notice="once_more")


def _did_you_mean(posted: SignupForm, meant: str) -> ResponseReturnValue:
    if errors.wants_json():
        words = f"Did you mean {meant}? Send that, or the same again with keep: true."
        return errors.answer(422, "Is this address right?", words, errors={"email": words}, suggestion=meant)
    return _page(posted, suggested=meant)


def _busy(posted: SignupForm, seconds: int) -> ResponseReturnValue:
    minutes = -(-seconds // 60)
    if errors.wants_json():
        words = f"There have been too many sign-ups. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
        response = errors.answer(429, "Too many sign-ups", words)
    else:
        response = _page(posted, 429, notice="busy", minutes=minutes)
    response.headers["Retry-After"] = str(seconds)
    return response


def _page(posted: SignupForm, status: int = 200, **more: Any) -> Response:
    """The sign-up with what was typed, and what there is to say about it."""
    return make_response(render_template("subscribe.html", **_form(posted, _sections(), **more)), status)


def _form(
    posted: SignupForm,
    known: list[str],
    *,
    wrong: dict[str, str] | None = None,
    notice: str = "",
    suggested: str = "",
    minutes: int = 0,
) -> dict[str, Any]:
    """What the form's templates need."""
    return {
        "typed": posted.typed,
        "sections": known,
        "errors": wrong or {},
        "notice": notice,
        "suggested": suggested,
        "minutes": minutes,
        "mark": posted.fresh_mark,
        "wording": _wording(),
    }


def _sections() -> list[str]:
    with runtime().db.reading() as session:
        return queries.sections(session)


def _wording() -> str:
    return requests.agreement_text(runtime().settings.publication_name)
