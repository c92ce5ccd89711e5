"""The line of facts about an article, as pages, mails and the command line show it."""

from __future__ import annotations

from newsletter.articles.article_list import ListedArticle
from newsletter.articles.grades import trust_grade
from newsletter.articles.models import Revision
from newsletter.core.languages import Language, gettext_noop

HYPE_NAMES = (gettext_noop("No hype"), gettext_noop("Low hype"), gettext_noop("Some hype"), gettext_noop("High hype"))
"""The labels that HYPE_LABELS has unless others are set; those have no translation."""


def credits_of(revision: Revision, language: Language) -> list[str]:
    """The people who wrote and checked a revision, and the use of AI, each in a phrase; those that were given."""
    phrases = (
        (gettext_noop("Written by %(name)s"), "name", revision.written_by),
        (gettext_noop("Checked by %(name)s"), "name", revision.checked_by),
        (gettext_noop("AI used for: %(use)s"), "use", revision.ai_use),
    )
    return [language.gettext(phrase) % {name: value} for phrase, name, value in phrases if value]


def facts_line(revision: Revision | ListedArticle, language: Language) -> str:
    """The trust score, the hype label and the number of sources, like "Trust 69 · Some hype · 1 source"."""
    trust = language.gettext("Trust %(score)d") % {"score": revision.trust}
    return " · ".join([trust, *hype_and_sources(revision, language)])


def hype_and_sources(revision: Revision | ListedArticle, language: Language) -> list[str]:
    """The hype label and the number of sources, like ["Some hype", "1 source"]."""
    return [
        language.gettext(revision.hype),
        language.counted("%(number)s source", "%(number)s sources", revision.source_count),
    ]


def trust_in_words(revision: Revision, language: Language) -> str:
    """The trust score for readers who see no scale beside it, like "Trust 69 of 100 · fair"."""
    word = language.gettext(trust_grade(revision.trust).word)
    return language.gettext(gettext_noop("Trust %(score)d of 100 · %(word)s")) % {"score": revision.trust, "word": word}
