"""The changes of a draft as the composer shows them: the last, those to undo and redo, and a move that was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.languages import gettext_noop
from newsletter.digests import changes
from newsletter.digests.models import Digest, DigestChange
from newsletter.staff import audit
from newsletter.web.desk import compose_words
from newsletter.web.desk.blueprint import signed_in
from newsletter.web.language import page_language

DONE_CHECK = gettext_noop("The links are being checked")
DONE_UNDO = gettext_noop("Undone: %(change)s")


@dataclass(frozen=True)
class Failure:
    """A move that was refused."""

    error: NewsletterError
    version: int
    """The version of the digest that the page showed."""
    form: Mapping[str, str]

    @property
    def slug(self) -> str:
        """Of the article that the move was about."""
        return self.form.get("slug", "")

    @property
    def field(self) -> str:
        """The field whose text cannot be accepted; "" where it is none."""
        if not isinstance(self.error, InvalidError):
            return ""
        named = str(self.error.values.get("field", ""))
        return "subject" if self.error.code == "digest.subject_empty" else named


class ShownChange(NamedTuple):
    """A change in words, and who made it (or undid it), when."""

    words: str
    who: str
    at: datetime


def history_values(
    session: Session, digest: Digest, done: str, failure: Failure | None, *, is_editable: bool
) -> dict[str, Any]:
    """The values of compose.html about changes. `done`: the move after which the page is shown."""
    recent = changes.recent_changes(session, digest.id) if is_editable else []
    last = next((each for each in recent if each.undone_at is None), None)
    undone = next((each for each in reversed(recent) if each.undone_at is not None), None)
    names = audit.names(session) if recent or failure else {}
    return {
        "dropped": changes.dropped_articles(recent, digest),
        "undo": _shown(last, names),
        "redo": _shown(undone, names),
        "said": _said(last, undone, done),
        "failure": failure,
        "errors": {failure.field: failure.error} if failure and failure.field else {},
        "meanwhile": _meanwhile(session, digest.id, failure, names),
    }


def _shown(change: DigestChange | None, names: Mapping[int, str]) -> ShownChange | None:
    if change is None:
        return None
    by = (change.undone_by_kind, change.undone_by_id) if change.undone_at else (change.by_kind, change.by_id)
    who = compose_words.maker_name(*by, names, signed_in().member_id)
    return ShownChange(compose_words.change_words(change), who, change.undone_at or change.made_at)


def _said(last: DigestChange | None, undone: DigestChange | None, done: str) -> str:
    """The last move in words, for those who do not see it."""
    if done == "check":
        return page_language().gettext(DONE_CHECK)
    change = undone if done == "undo" else last
    if not done or change is None:
        return ""
    words = compose_words.change_words(change)
    return page_language().gettext(DONE_UNDO) % {"change": words} if done == "undo" else words


def _meanwhile(
    session: Session, number: int, failure: Failure | None, names: Mapping[int, str]
) -> list[ShownChange] | None:
    """The changes by others since the page showed the digest; None when nothing of the kind was in the way."""
    if failure is None or failure.error.code != "digest.changed":
        return None
    found = [_shown(each, names) for each in changes.changes_since(session, number, failure.version)]
    return [each for each in found if each is not None]
