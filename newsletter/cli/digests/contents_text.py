"""The contents of a digest in words, and which readers get which of its texts."""

from __future__ import annotations

from newsletter.cli.output import counted
from newsletter.core.cadence import Cadence
from newsletter.delivery.reports.subjects import SubjectCounts
from newsletter.digests.links.stored_checks import CheckState
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


def describe_subjects(digest: Digest, counts: SubjectCounts) -> list[str]:
    """How many readers are told of a correction, and get which subject, preheader and introduction; nothing where no
    reader is concerned.
    """
    lines = _corrections(digest, counts)
    if counts.mailed:
        lines += [f"Subjects, of {counted(counts.mailed, 'reader')}:", *_subjects(counts), _preheader(digest, counts)]
        lines += [_intro(digest, counts)] if digest.intro else []
    if counts.corrections_alone and digest.cadence != Cadence.CORRECTION:
        lines.append(f"Nothing but corrections is left for {counted(counts.corrections_alone, 'reader')}.")
    if counts.without_article:
        lines.append(f"No article is left for {counted(counts.without_article, 'reader')}, who get no mail.")
    return lines


def describe_links(state: CheckState) -> list[str]:
    """The number of links to other sites that were asked; nothing when all were."""
    if not (state.waiting or state.unchecked):
        return []
    counts = {"asked": state.checked, "being asked": state.waiting, "not asked yet": state.unchecked}
    return [f"Links to other sites: {', '.join(f'{count} {words}' for words, count in counts.items() if count)}."]


def _corrections(digest: Digest, counts: SubjectCounts) -> list[str]:
    """The corrections that go along with a digest, or would do so now, with the readers of each."""
    if not counts.corrections:
        return []
    tense = "are told" if digest.frozen_at else "would now be told"
    lines = [f"  {each.readers:>7,}  {each.title}: {each.note}" for each in counts.corrections]
    return [f"Readers who {tense} of a correction:", *lines]


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
    written = f"Preheader: as written for {counted(counts.with_lead, 'reader')} with the lead"
    return f"{written}, the edition's own headlines for {counted(others, 'reader')}." if others else f"{written}."


def _intro(digest: Digest, counts: SubjectCounts) -> str:
    if not digest.intro_with_lead:
        return "Intro: for all."
    others = counts.mailed - counts.with_lead
    rest = f", none for {counted(others, 'reader')}" if others else ""
    return f"Intro: for {counted(counts.with_lead, 'reader')} with the lead{rest}."
