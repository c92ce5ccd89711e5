"""A correction as a rendered digest shows it: the same for everybody who is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import object_session

from newsletter.articles.addresses import article_address
from newsletter.articles.facts_line import trust_in_words
from newsletter.articles.models import Revision
from newsletter.articles.texts import bullets_text
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.languages import Language, gettext_noop
from newsletter.digests.models import Digest, DigestArticle
from newsletter.digests.text import one_line, shortened

MOST_CHANGES = 5
LONGEST_TEXT = 400
"""Characters of a text that was put right."""


@dataclass(frozen=True)
class ChangedText:
    """A text of the story's block in a digest, as it was and as it is now."""

    was: str
    now: str
    """Empty where it was taken out."""


@dataclass(frozen=True)
class CorrectionBlock:
    """The values of templates/mail/digest/correction_alone.mjml, corrections.mjml, and the same as text."""

    language: str
    """The language tag of title, note and changes."""
    section: str
    day: str
    """The article's own, as its readers were shown it."""
    title: str
    note: str
    """The editors' sentence."""
    is_withdrawal: bool
    trust: str
    """Like "Trust 65 of 100 · fair (69 when we sent it)"; empty for a withdrawal, which no score stands for."""
    changes: tuple[ChangedText, ...]
    """Headline, dek and points that were put right: what a mail had of the story. None beside other corrections."""
    url: str
    history_url: str


def correction_block(
    revision: Revision, settings: Settings, language: Language, *, is_alone: bool = False
) -> CorrectionBlock:
    """The block of a correction or withdrawal, with the words around it in `language`. One that is `is_alone` in its
    mail is compared with what was sent, which costs two queries.
    """
    sent = _sent_before(revision) if is_alone and not revision.is_withdrawal else None
    return CorrectionBlock(
        language=revision.language,
        section=one_line(revision.section),
        day=language.day(revision.date),
        title=one_line(revision.title),
        note=one_line(revision.note or ""),
        is_withdrawal=revision.is_withdrawal,
        trust="" if revision.is_withdrawal else _trust(sent, revision, language),
        changes=tuple(islice(_changes(sent, revision), MOST_CHANGES)) if sent else (),
        url=article_address(settings, revision.slug, revision.url),
        history_url=settings.url(public_paths.history(revision.slug)),
    )


def _sent_before(revision: Revision) -> Revision | None:
    """The story as readers were sent it: the newest revision before the correction that a digest went out with. Before
    there is one, as in a preview, simply the revision before.
    """
    earlier = [each for each in revision.article.revisions if each.number < revision.number]
    query = select(DigestArticle.revision_id).join(Digest).where(Digest.frozen_at.is_not(None))
    held = query.where(DigestArticle.revision_id.in_([each.id for each in earlier]))
    session = object_session(revision)
    sent_ids = set(session.scalars(held)) if session is not None else set()
    return next((each for each in reversed(earlier) if each.id in sent_ids), earlier[-1] if earlier else None)


def _trust(sent: Revision | None, revision: Revision, language: Language) -> str:
    trust = trust_in_words(revision, language)
    if sent is None or sent.trust == revision.trust:
        return trust
    words = language.gettext(gettext_noop("%(trust)s (%(score)s when we sent it)"))
    return words % {"trust": trust, "score": sent.trust}


def _changes(sent: Revision, revision: Revision) -> Iterator[ChangedText]:
    for old, new in zip(_texts(sent), _texts(revision), strict=True):
        for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind in ("replace", "delete"):
                yield ChangedText(_shown(old[i1:i2]), _shown(new[j1:j2]))


def _texts(revision: Revision) -> tuple[Sequence[str], ...]:
    """Headline, dek and points, each as a list of texts."""
    return [revision.title], [revision.dek], bullets_text(revision)


def _shown(texts: Sequence[str]) -> str:
    return shortened(one_line(" ".join(texts)), LONGEST_TEXT)
