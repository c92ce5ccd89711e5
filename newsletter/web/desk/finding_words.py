"""The findings of the preflight as pages of the desk show them: what blocks first, and each with its remedies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flask import url_for

from newsletter.core.languages import gettext_noop
from newsletter.digests.findings import Finding, blocking, notes
from newsletter.web.language import page_language

TITLE, PLACE, THIS_STORY = "“%(title)s”", "%(place)s", gettext_noop("This story")
"""The two beginnings of a finding about a story, and the words for them beside the story."""


class Remedy(NamedTuple):
    """A way to mend a finding: a part of the composer, a move by a press, or another page."""

    words: str
    part: str = ""
    move: str = ""
    path: str = ""


class ShownFinding(NamedTuple):
    """A finding with the ways to mend it."""

    finding: Finding
    remedies: Sequence[Remedy]


_CHOOSE = Remedy(gettext_noop("Choose a candidate"), part="candidates")
_OUT = Remedy(gettext_noop("Take it out"), move="drop")
_REFRESH = Remedy(gettext_noop("Take the newest revision"), move="refresh")
_CHECK = Remedy(gettext_noop("Check it again"), move="check")
_LOOK = Remedy(gettext_noop("Look at the mail"), part="preview")
_TO_SUBJECT = Remedy(gettext_noop("Change the words"), part="subject")
_STORY, _TEXT, _ADDRESS = "story", "text", "address"
"""The remedies that the finding's values lead to: the editor of its story, its text, the address of its link."""

REMEDIES: dict[str, tuple[Remedy | str, ...]] = {
    "digest.empty": (_CHOOSE,),
    "article.withdrawn": (_OUT,),
    "article.changed": (_REFRESH,),
    "article.corrected": (_REFRESH,),
    "article.corrected_seriously": (_REFRESH,),
    "correction.outdated": (_REFRESH,),
    "article.used": (_OUT,),
    "article.below_trust": (_OUT,),
    "article.much_hype": (_OUT,),
    "article.section_unread": (_OUT, _STORY),
    "lead.none": (_CHOOSE,),
    "lead.below_trust": (Remedy(gettext_noop("Choose another lead"), part="stories"),),
    "text.other_headline": (_TO_SUBJECT,),
    "text.other_lead": (_TO_SUBJECT,),
    "text.dropped_lead": (_TO_SUBJECT,),
    "link.broken": (_STORY, _TEXT, _OUT, _CHECK),
    "link.unknown": (_ADDRESS, _CHECK),
    "mail.too_large": (Remedy(gettext_noop("Take a story out"), part="stories"),),
    "mail.spam_score": (_LOOK,),
    "mail.heading_order": (_LOOK,),
    "mail.contrast": (_LOOK,),
}
"""By the finding's code. Those that are not here lead to their story or text."""


def show_findings(found: Iterable[Finding]) -> list[ShownFinding]:
    """The findings of a page."""
    found = list(found)
    return [ShownFinding(each, remedies_of(each)) for each in (*blocking(found), *notes(found))]


def remedies_of(finding: Finding) -> list[Remedy]:
    """The ways to mend a finding that the desk has; none for what only an operator can mend."""
    found = (_remedy(finding, each) for each in REMEDIES.get(finding.code, (_STORY, _TEXT)))
    return [each for each in found if each is not None]


def at_story(finding: Finding) -> str:
    """The sentence of a finding beside the story that it is about, whose title stands there."""
    for beginning in (TITLE, PLACE):
        if finding.message.startswith(beginning):
            rest = finding.message[len(beginning) :]
            return page_language().gettext(THIS_STORY) + rest % finding.values
    return finding.sentence


def _remedy(finding: Finding, known: Remedy | str) -> Remedy | None:
    slug, text, address = (finding.values.get(name) for name in ("slug", "text", "address"))
    if known == _STORY:
        words = gettext_noop("Change the story")
        return Remedy(words, path=url_for("desk.story", slug=slug)) if slug else None
    if known == _TEXT:
        return Remedy(gettext_noop("Change the words"), part=str(text)) if text else None
    if known == _ADDRESS:
        return Remedy(gettext_noop("Open it"), path=str(address)) if address else None
    assert isinstance(known, Remedy)
    return known if known is not _OUT or slug else None
