"""A correction as a rendered digest shows it: the same for everybody who is told."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.articles.models import Revision
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.languages import Language
from newsletter.digests.text import one_line


@dataclass(frozen=True)
class CorrectionBlock:
    """The values of templates/mail/digest/corrections.mjml and corrections.txt."""

    language: str
    """The language tag of title and note."""
    section: str
    day: str
    """The article's own, as its readers were shown it."""
    title: str
    note: str
    """The mistake and what is right, in the editors' words."""
    is_withdrawal: bool
    url: str
    history_url: str


def correction_block(revision: Revision, settings: Settings, language: Language) -> CorrectionBlock:
    """The block of a correction or withdrawal, with the words around it in `language`."""
    return CorrectionBlock(
        language=revision.language,
        section=one_line(revision.section),
        day=language.day(revision.date),
        title=one_line(revision.title),
        note=one_line(revision.note or ""),
        is_withdrawal=revision.is_withdrawal,
        url=settings.url(public_paths.article(revision.slug)),
        history_url=settings.url(public_paths.history(revision.slug)),
    )
