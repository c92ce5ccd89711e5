"""The judgements that the editor's page shows of a story: the sum of trust, the readers it misses, what changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from newsletter.articles.drafts.checking import ContentCheck
from newsletter.articles.drafts.content import DraftContent
from newsletter.articles.drafts.publishing import rubric_of
from newsletter.articles.revision_diff import RevisionChange, TextChange, ValueChange, compare_revisions
from newsletter.articles.rubrics import parts_of
from newsletter.web.desk.articles.preview import revision_of
from newsletter.web.desk.articles.reader_limits import readers_missed_by
from newsletter.web.desk.articles.story import Story, editorial_context
from newsletter.web.request_values import parse_number

SHORT_CHANGES = 800
"""Characters of changes that are shown at once; more are folded."""


def judged_values(session: Session, story: Story, content: DraftContent) -> dict[str, Any]:
    """The judgements that the page shows of the content: the sum of trust, the readers it misses, what changed."""
    context = editorial_context()
    rubric = rubric_of(session, story.current, context.today)
    parts = parts_of(rubric)
    check = ContentCheck(content, parts, context.hype_labels, context.today)
    is_scored = "trust" not in check.unjudged
    changes = _changes(session, story, content)
    return {
        "rubric_parts": parts,
        "scales": {part.key: _percent(content.parts.get(part.key, ""), part.most) for part in parts},
        "score": check.values["trust"] if is_scored else None,
        "missed": readers_missed_by(session, check.values["trust"]) if is_scored else None,
        "changes": changes,
        "is_short": sum(_length(change) for change in changes or ()) < SHORT_CHANGES,
        "part_names": {part.key: part.in_language("en").name for part in parts},
    }


def _percent(points: str, most: int) -> float:
    """How far the line of a part goes, whatever was entered."""
    return min(100 * (parse_number(points) or 0) / most, 100)


def _changes(session: Session, story: Story, content: DraftContent) -> list[RevisionChange] | None:
    """The changes to the published revision; None for a new story."""
    if story.current is None:
        return None
    shown = revision_of(session, story, content)
    changes = compare_revisions(story.current, shown.revision)
    return [_as_judged(change, shown.unjudged) for change in changes]


def _as_judged(change: RevisionChange, unjudged: frozenset[str]) -> RevisionChange:
    """The change, to nothing where nobody has given a new value."""
    if isinstance(change, ValueChange) and change.part in unjudged:
        return replace(change, new=None)
    return change


def _length(change: RevisionChange) -> int:
    return sum(len(piece.text) for piece in change.pieces) if isinstance(change, TextChange) else 0
