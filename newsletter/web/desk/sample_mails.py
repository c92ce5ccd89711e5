"""Tests of a digest: one edition as it is now, to oneself or to colleagues with an account. Counted nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from newsletter.articles.queries import sections as sections_in_use
from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.languages import LANGUAGES, gettext_noop
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.edition_counts import count_editions
from newsletter.delivery.reports.reader_preferences import ReaderPreferences
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest, get_with_articles
from newsletter.mail.formats import Format
from newsletter.operations.digest_samples import send_sample
from newsletter.staff import audit, sample_limits
from newsletter.staff.audit import AuditAction, digest_object
from newsletter.staff.people import colleagues
from newsletter.staff.rights import Right
from newsletter.subscribers.preferences import Preferences
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk, signed_in
from newsletter.web.desk.cached_preferences import cached_preferences
from newsletter.web.desk.compose_preview import CHOSEN, Preview
from newsletter.web.desk.digest_words import digest_title
from newsletter.web.forms.preferences_form import PreferencesForm
from newsletter.web.request_values import parse_number

MOST_AT_ONCE = 5
NOBODY = gettext_noop("Choose somebody to send it to.")
TOO_MANY = gettext_noop("Choose at most %(most)s people at once.")
SENT = gettext_noop("The test is sent.")


@desk.get("/digests/<int:number>/test", endpoint="sample")
@needs(Right.PUBLISH)
def sample_page(number: int) -> str:
    """The form: to whom, and as which reader; that of the preview whose parameters the address has."""
    preview = Preview.of(request.args)
    with runtime().db.reading() as session:
        preferences = _of_preview(get_with_articles(session, number), preview)
    return _page(number, PreferencesForm.showing(preferences), [signed_in().member_id])


@desk.post("/digests/<int:number>/test")
@needs(Right.PUBLISH)
def send_samples(number: int) -> ResponseReturnValue:
    """Send the edition of a reader who chose what the form says."""
    to = [found for each in request.form.getlist("to") if (found := parse_number(each)) is not None]
    form, person = _entered(), signed_in()
    try:
        with runtime().db.reading() as session:
            get_digest(session, number)
            preferences = _preferences(form)
            chosen = [each for each in colleagues(session) if each.number in to]
        if not chosen:
            raise InvalidError("digest.test_to_nobody", NOBODY)
        if len(chosen) > MOST_AT_ONCE:
            raise InvalidError("digest.test_to_many", TOO_MANY, most=MOST_AT_ONCE)
        sample_limits.count_samples(runtime().queues.redis, person.member_id, len(chosen))
        for each in chosen:
            send_sample(runtime(), number, each.email, preferences)
            with runtime().db.transaction() as session:
                on = digest_object(number)
                audit.record(session, AuditAction.DIGEST_TESTED, by=person.actor, on=on, to=each.number)
    except NewsletterError as error:
        return make_response(_page(number, form, to, error), 422)
    return redirect(url_for("desk.sample", number=number, done="sent"), 303)


def _entered() -> PreferencesForm:
    """The form as it was sent. Without a section all are meant."""
    form = PreferencesForm.from_preferences(request.form)
    return replace(form, only=bool(form.sections), min_trust=form.min_trust or "0")


def _preferences(form: PreferencesForm) -> Preferences:
    preferences, errors = form.preferences(form.sections)
    for error in errors.values():
        raise error
    return preferences


def _of_preview(digest: Digest, preview: Preview) -> Preferences:
    """The preferences that lead to the edition of a preview."""
    format_ = Format.TEXT if preview.part == "text" else Format.HTML
    if preview.edition == CHOSEN:
        return Preferences(
            sections=preview.sections or None,
            min_trust=preview.trust,
            max_hype=preview.hype or None,
            format=format_,
            language=preview.language,
        )
    found = _commonest_preferences(digest, preview)
    if found is None:
        return Preferences(format=format_, language=preview.language)
    return Preferences(
        sections=tuple(found.sections) if found.sections else None,
        min_trust=found.min_trust,
        max_hype=found.max_hype,
        format=format_,
        language=preview.language,
    )


def _commonest_preferences(digest: Digest, preview: Preview) -> ReaderPreferences | None:
    """The preferences of most readers of an edition, as far as they were counted."""
    counted = cached_preferences(digest.cadence)
    if counted is None or preview.named_mask is None:
        return None
    counts = count_editions(counted.preferences, digest.revisions, runtime().settings.hype_labels)
    found = next((each for each in counts.editions if each.mask == preview.named_mask), None)
    return found.preferences[0] if found else None


def _page(number: int, form: PreferencesForm, to: Sequence[int], error: NewsletterError | None = None) -> str:
    person = signed_in()
    with runtime().db.reading() as session:
        digest = get_digest(session, number)
        title, people, names = digest_title(digest), colleagues(session), sections_in_use(session)
    return render_desk(
        "sample.html",
        number=number,
        title=title,
        people=people,
        to=to,
        sections=names,
        hype_labels=runtime().settings.hype_labels,
        languages=LANGUAGES,
        formats=list(Format),
        chosen=form,
        failed=error,
        done=SENT if request.args.get("done") == "sent" else "",
        has_outbox=runtime().settings.mail_transport == "maildir" and person.may(Right.READERS),
    )
