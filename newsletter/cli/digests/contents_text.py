"""The contents of a digest in words, and which readers get which of its texts."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.articles.models import Revision
from newsletter.delivery.reports.subjects import SubjectCounts
from newsletter.digests.models import Digest

MOST_SUBJECTS = 5
"""Subjects of editions without the lead that are named; the others are counted together."""


def describe_contents(digest: Digest) -> str:
    """The subject, and below it the articles in their order, with the lead named."""
    lead = digest.lead_position
    titles = [
        f"  {position + 1}. {revision.title}{' (the lead)' if position == lead else ''}"
        for position, revision in enumerate(digest.revisions)
    ]
    return "\n".join([digest.subject, *titles])


def describe_corrections(digest: Digest, corrections: Iterable[tuple[Revision, int]]) -> list[str]:
    """The corrections that a digest carries, or would carry now, with the readers of each."""
    lines = [f"  {readers:>7,}  {revision.title}: {revision.note}" for revision, readers in corrections]
    if not lines:
        return []
    time = "are told of" if digest.frozen_at else "would now be told of"
    return [f"Readers who {time} a correction:", *lines]


def describe_subjects(digest: Digest, counts: SubjectCounts) -> list[str]:
    """How many readers get which subject, preheader and introduction; nothing where no reader is concerned."""
    lines = []
    if counts.mailed:
        lines += [f"Subjects, of {_readers(counts.mailed)}:", *_subjects(counts), _preheader(digest, counts)]
        lines += [_intro(digest, counts)] if digest.intro else []
    if counts.without_article:
        lines.append(f"No article is left for {_readers(counts.without_article)}, who get no mail.")
    return lines


def _subjects(counts: SubjectCounts) -> list[str]:
    written = [(each.readers, f"{each.subject} (as written)") for each in counts.subjects if each.is_written]
    others = [(each.readers, each.subject) for each in counts.subjects if not each.is_written]
    named, rest = others[:MOST_SUBJECTS], others[MOST_SUBJECTS:]
    together = [(sum(readers for readers, _ in rest), f"one of {len(rest):,} others")] if rest else []
    return [f"  {readers:>7,}  {subject}" for readers, subject in [*written, *named, *together]]


def _preheader(digest: Digest, counts: SubjectCounts) -> str:
    if not digest.preheader:
        return "Preheader: the edition's own headlines."
    others = counts.mailed - counts.with_lead
    written = f"Preheader: as written for {_readers(counts.with_lead)} with the lead"
    return f"{written}, the edition's own headlines for {_readers(others)}." if others else f"{written}."


def _intro(digest: Digest, counts: SubjectCounts) -> str:
    if not digest.intro_with_lead:
        return "Intro: for all."
    others = counts.mailed - counts.with_lead
    return f"Intro: for {_readers(counts.with_lead)} with the lead{f', none for {_readers(others)}' if others else ''}."


def _readers(count: int) -> str:
    return f"{count:,} reader{'s' if count != 1 else ''}"
