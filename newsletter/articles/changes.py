"""Changes of an article: what readers are told of the revision that a change makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsletter.articles.models import CORRECTING, SAID, RevisionKind
from newsletter.articles.page_lines import one_line
from newsletter.core import clock
from newsletter.core.errors import InvalidError

LONGEST_NOTE = 500
"""Characters of the sentence for readers."""


@dataclass(frozen=True)
class Change:
    """The kind of a revision, and what is said of it. Unless an editor says more, it is a small change."""

    kind: RevisionKind = RevisionKind.SMALL
    note: str | None = None
    """The sentence for readers."""
    serious: bool = False
    """For a correction."""
    reported_at: datetime | None = None
    """The time at which the mistake was reported."""
    published_at: datetime | None = None
    """None: an article's first revision has its page's date, a later one the present time."""

    def checked(self) -> Change:
        """The change with its sentence on one line; a withdrawal is always serious.

        Raises InvalidError for a sentence that is missing, not asked for, too long or unprintable, for a seriousness or
        a report that does not go with the kind, and for times that cannot be.
        """
        if self.kind == RevisionKind.FIRST:
            raise ValueError("a change makes no first revision")
        if self.kind not in CORRECTING and (self.serious or self.reported_at):
            raise InvalidError("revision.no_mistake", "Only a correction can be serious, or answer a report.")
        self._check_times()
        serious = self.serious or self.kind == RevisionKind.WITHDRAWAL
        return Change(self.kind, self._checked_note(), serious, self.reported_at, self.published_at)

    def _checked_note(self) -> str | None:
        if self.kind not in SAID:
            if self.note:
                raise InvalidError("revision.note_unused", "A small change has no sentence for readers.")
            return None
        note = one_line(self.note or "")
        if note is None:
            raise InvalidError("revision.note_unprintable", "The sentence holds a character that cannot be shown.")
        if not note:
            raise InvalidError("revision.note_missing", "The sentence for readers is missing.")
        if len(note) > LONGEST_NOTE:
            raise InvalidError(
                "revision.note_too_long",
                "The sentence has %(length)d characters; at most %(most)d are allowed.",
                length=len(note),
                most=LONGEST_NOTE,
            )
        return note

    def _check_times(self) -> None:
        now = clock.now()
        published = self.published_at or now
        if published > now:
            raise InvalidError("revision.published_later", "The time of publication lies in the future.")
        if self.reported_at is not None and self.reported_at > published:
            raise InvalidError("revision.reported_later", "The mistake was reported after the revision was published.")


SMALL_CHANGE = Change()
