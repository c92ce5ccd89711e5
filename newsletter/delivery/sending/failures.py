"""Pausing a digest because sending it failed: no recipient's outcome changes, and an editor reads why."""

from __future__ import annotations

from newsletter.core.actors import Actor
from newsletter.core.db import Database
from newsletter.digests import lifecycle
from newsletter.digests.models import PausedReason

UNFORESEEN = "Something unforeseen went wrong ({name}); the worker's log says more. Resume it to try again."


def pause_for_error(db: Database, digest_id: int, note: str, *, by: Actor) -> None:
    """Pause a digest that is scheduled or being sent; `note` is a sentence for an editor."""
    with db.transaction() as session:
        lifecycle.pause(session, digest_id, PausedReason.ERROR, note, by=by)


def pause_for_unforeseen(db: Database, digest_id: int, error: Exception, *, by: Actor) -> str:
    """Pause a digest, so that an unforeseen error does not come back for ever; the note. The caller logs the error."""
    note = UNFORESEEN.format(name=type(error).__name__)
    pause_for_error(db, digest_id, note, by=by)
    return note
