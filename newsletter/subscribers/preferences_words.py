"""Preferences in words, for pages and mails."""

from __future__ import annotations

from datetime import time

from newsletter.core.cadence import Cadence
from newsletter.core.languages import Language, gettext_noop
from newsletter.mail.formats import Format
from newsletter.subscribers.preferences import Preferences

GETS = {
    Cadence.DAILY: gettext_noop("You get the daily letter."),
    Cadence.WEEKLY: gettext_noop("You get the weekly letter."),
    Cadence.MONTHLY: gettext_noop("You get the monthly letter."),
}
CADENCES = {
    Cadence.DAILY: gettext_noop("Daily"),
    Cadence.WEEKLY: gettext_noop("Weekly"),
    Cadence.MONTHLY: gettext_noop("Monthly"),
}


def in_words(preferences: Preferences, language: Language) -> str:
    """The preferences as sentences: "You get the weekly letter. It has stories from all sections."."""
    return " ".join([language.gettext(GETS[Cadence(preferences.cadence)]), *details(preferences, language)])


def details(preferences: Preferences, language: Language) -> list[str]:
    """All preferences but the cadence, in a sentence each."""
    _ = language.gettext
    found = [
        _("It has stories from all sections.")
        if preferences.sections is None
        else _("It has stories from %(sections)s.") % {"sections": language.enumeration(preferences.sections)}
    ]
    if preferences.min_trust:
        found.append(_("Its stories have a trust score of %(score)s or more.") % {"score": preferences.min_trust})
    if preferences.max_hype:
        found.append(_("Its stories are labelled “%(label)s” or less.") % {"label": _(preferences.max_hype)})
    if preferences.hour is not None:
        at = {"time": language.time(time(preferences.hour)), "zone": preferences.zone}
        found.append(_("It comes at %(time)s (%(zone)s).") % at)
    if preferences.breaking:
        found.append(_("Breaking news comes as it happens."))
    if preferences.format == Format.TEXT:
        found.append(_("Emails are plain text."))
    if preferences.language != language.code:
        found.append(
            _("Dates, links and notes are in %(language)s.") % {"language": language.name_of(preferences.language)}
        )
    return found


def rows(preferences: Preferences, language: Language) -> list[tuple[str, str]]:
    """Each preference by its name on the page of preferences, with its value in words."""
    _ = language.gettext
    return [
        (_("How often"), _(CADENCES[Cadence(preferences.cadence)])),
        (_("Breaking news"), _("Yes") if preferences.breaking else _("No")),
        (_("Sections"), _("All") if preferences.sections is None else language.enumeration(preferences.sections)),
        (_("Lowest trust score"), str(preferences.min_trust or _("Any"))),
        (_("Highest hype"), _(preferences.max_hype) if preferences.max_hype else _("Any")),
        (
            _("Hour"),
            _("As soon as it is out") if preferences.hour is None else language.time(time(preferences.hour)),
        ),
        (_("Time zone"), preferences.zone or _("Not chosen")),
        (
            _("How emails look"),
            _("Plain text") if preferences.format == Format.TEXT else _("With headings and colours"),
        ),
        (_("Language around the stories"), language.name_of(preferences.language)),
    ]
