"""The words of the composer: changes and who made them, and editions named by what their readers chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from newsletter.articles.models import Revision
from newsletter.core.actors import ActorKind
from newsletter.core.languages import gettext_noop
from newsletter.delivery.reports.edition_counts import EditionCount, NothingReason
from newsletter.delivery.reports.reader_preferences import ReaderPreferences
from newsletter.digests.models import ChangeKind, DigestChange
from newsletter.web.language import page_language

CHANGE_WORDS = {
    ChangeKind.ADDED: gettext_noop("Added “%(title)s”"),
    ChangeKind.DROPPED: gettext_noop("Took out “%(title)s”"),
    ChangeKind.PUT_BACK: gettext_noop("Put back “%(title)s”"),
    ChangeKind.MOVED: gettext_noop("Moved “%(title)s” to %(position)s"),
    ChangeKind.DEK: gettext_noop("Changed the dek of “%(title)s”"),
    ChangeKind.REFRESHED: gettext_noop("Took the newest revisions"),
    ChangeKind.CHOSEN: gettext_noop("Let the rule choose (%(count)s)"),
    ChangeKind.TEXTS: gettext_noop("Changed the words around the stories"),
}

NOTHING_WORDS = {
    NothingReason.PAUSE: gettext_noop("Pausing at the moment"),
    NothingReason.SECTIONS: gettext_noop("No story in their sections"),
    NothingReason.TRUST: gettext_noop("No story with the trust that they want"),
    NothingReason.HYPE: gettext_noop("No story with as little hype as they want"),
}

YOU, SOMEBODY, OPERATOR = gettext_noop("you"), gettext_noop("somebody"), gettext_noop("an operator")

LONGEST_TITLE = 60
"""Characters of a title in a sentence about a change."""


def change_words(change: DigestChange) -> str:
    """The change in a few words."""
    about = {**change.about, "title": shortened(str(change.about.get("title", "")))}
    return page_language().gettext(CHANGE_WORDS[change.kind]) % about


def shortened(title: str) -> str:
    """A title that fits into a sentence."""
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…"


def maker_name(kind: ActorKind | None, number: int | None, names: Mapping[int, str], own: int) -> str:
    """The name of somebody who made a change; the person `own` is "you"."""
    words = page_language()
    if kind is ActorKind.EDITOR and number is not None:
        return words.gettext(YOU) if number == own else names.get(number, words.gettext(SOMEBODY))
    return words.gettext(OPERATOR if kind is ActorKind.OPERATOR else SOMEBODY)


def edition_name(edition: EditionCount, revisions: Sequence[Revision], labels: Sequence[str]) -> str:
    """The edition, by the choices that lead to it: "Research and Safety only", "Trust 80 and more"."""
    language = page_language()
    count = len(revisions)
    if edition.mask == (1 << count) - 1:
        return language.counted("The story", "All %(number)s stories", count) % {"number": count}
    names = dict.fromkeys(_preferences_name(choice, revisions, labels) for choice in _joined(edition.preferences))
    name = language.gettext(gettext_noop("%(one)s, or %(other)s"))
    found = [each for each in names if each]
    if len(found) > 1 and found[0] not in found[1]:
        return _capital(name % {"one": found[0], "other": found[1]})
    return _capital(found[0]) if found else language.gettext(gettext_noop("Some stories"))


def _joined(choices: Sequence[ReaderPreferences]) -> Sequence[ReaderPreferences]:
    """The choices; of two that ask for another trust alone the one that asks for less, which holds for both."""
    if len({choice._replace(min_trust=0) for choice in choices}) == 1:
        return [min(choices, key=lambda choice: choice.min_trust)]
    return choices


def _preferences_name(choice: ReaderPreferences, revisions: Sequence[Revision], labels: Sequence[str]) -> str:
    language = page_language()
    parts = []
    here = list(dict.fromkeys(revision.section for revision in revisions))
    if choice.sections is not None and not choice.sections >= set(here):
        wanted = [section for section in here if section in choice.sections]
        without = [section for section in here if section not in choice.sections]
        if len(without) < len(wanted):
            sections = language.gettext(gettext_noop("without %(sections)s"))
            parts.append(sections % {"sections": language.enumeration(without)})
        else:
            sections = language.gettext(gettext_noop("%(sections)s only"))
            parts.append(sections % {"sections": language.enumeration(wanted)})
    if choice.min_trust > min(revision.trust for revision in revisions):
        parts.append(language.gettext(gettext_noop("trust %(trust)s and more")) % {"trust": choice.min_trust})
    if choice.max_hype in labels[:-1]:
        hype = language.gettext(gettext_noop("at most %(hype)s"))
        parts.append(hype % {"hype": language.gettext(choice.max_hype or "").lower()})
    return ", ".join(parts)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
