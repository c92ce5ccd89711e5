"""How often: the options of the forms. They name the days on which letters are sent only where a setting does."""

from __future__ import annotations

from typing import NamedTuple

from babel.dates import get_day_names

from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.config.settings import WEEKDAYS
from newsletter.core.languages import Language, gettext_noop
from newsletter.core.runtime import runtime
from newsletter.subscribers.preferences_words import CADENCES
from newsletter.web.language import page_language

DAILY = {
    "all": gettext_noop("Daily, weekends too"),
    "weekdays": gettext_noop("Daily, Monday to Friday"),
}


class CadenceOption(NamedTuple):
    """A cadence, and the words beside its button."""

    value: str
    words: str


def cadence_options() -> list[CadenceOption]:
    """The cadences that readers can choose, in the language of the page."""
    settings, language = runtime().settings, page_language()
    return [
        CadenceOption(cadence, _days(cadence, settings, language) or language.gettext(name))
        for cadence, name in CADENCES.items()
    ]


def _days(cadence: Cadence, settings: Settings, language: Language) -> str:
    """The words with the days; empty where no setting names them."""
    if cadence == Cadence.DAILY and settings.daily_digest_days:
        return language.gettext(DAILY[settings.daily_digest_days])
    if cadence == Cadence.WEEKLY and settings.weekly_digest_day:
        day = get_day_names("wide", "format", language.code)[WEEKDAYS.index(settings.weekly_digest_day)]
        return language.gettext("Weekly, on %(day)s") % {"day": day}
    if cadence == Cadence.MONTHLY and settings.monthly_digest_day == 1:
        return language.gettext("Monthly, on the first")
    if cadence == Cadence.MONTHLY and settings.monthly_digest_day:
        return language.gettext("Monthly, on day %(day)s") % {"day": settings.monthly_digest_day}
    return ""
