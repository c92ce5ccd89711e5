"""The changes of drafts: recorded with what was before and after, so that the last one can be undone by anybody.

A draft's state is a mapping of its texts, its lead, and `items`, pairs of a revision's id and the dek for this digest.
A change keeps those entries that it changed. All changes of a draft are recorded here, so the newest one that is not
undone always leads to the present state: undoing writes its `before`, redoing its `after`. A new change ends what could
be redone (docs/decisions/0022-undo-by-states.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session, defer

from newsletter.articles.models import Revision
from newsletter.core import clock
from newsletter.core.actors import Actor
from newsletter.core.errors import ConflictError, NotFoundError
from newsletter.digests import lifecycle
from newsletter.digests.article_order import put_in_order
from newsletter.digests.models import ChangeKind, Digest, DigestArticle, DigestChange
from newsletter.digests.queries import get_digest

KEPT_VERSIONS = 200
"""Changes of a draft that can be undone; older ones are deleted."""

RECENT = 50
"""Changes among which pages look for what was taken out."""

TYPED_TOGETHER = timedelta(minutes=2)
"""Texts that one person saves again within this time are one change: pages save while somebody types."""

_TYPED = (ChangeKind.TEXTS, ChangeKind.DEK)
_RECENT = (
    select(DigestChange)
    .where(DigestChange.digest_id == bindparam("digest"))
    .options(defer(DigestChange.before), defer(DigestChange.after))
    .order_by(DigestChange.id.desc())
    .limit(RECENT)
)
"""Made once: making it took longer than running it."""
_COLUMNS = ("subject", "preheader", "intro", "intro_with_lead", "lead_id", "written_for")

State = Mapping[str, Any]


class Recording:
    """A change that is being made to `digest`."""

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.kind: ChangeKind | None = None
        self.about: dict[str, Any] = {}

    def note(self, kind: ChangeKind, **about: Any) -> None:
        """Say what the change is, with what its words name."""
        self.kind, self.about = kind, about


@contextmanager
def recorded(session: Session, digest_id: int, version: int | None, *, by: Actor) -> Iterator[Recording]:
    """Reserve a draft as it was read at `version`, and record what is done inside. A change of nothing is not recorded.

    None stands for the version that this transaction reads. Raises ConflictError when the digest is no draft or was
    changed since.
    """
    read = get_digest(session, digest_id)
    digest = lifecycle.begin_edit(session, digest_id, read.version if version is None else version, by=by)
    before, change = _state_of(digest), Recording(digest)
    yield change
    session.flush()
    after = _state_of(digest)
    changed = [name for name in after if after[name] != before[name]]
    if changed and change.kind is not None:
        _store(session, change, {name: before[name] for name in changed}, {name: after[name] for name in changed}, by)


def undo(session: Session, digest_id: int, version: int, *, by: Actor) -> DigestChange:
    """Undo the last change of a draft, whoever made it.

    Raises ConflictError when there is none, when the digest is no draft, or when it was changed since `version`.
    """
    digest = lifecycle.begin_edit(session, digest_id, version, by=by)
    change = last_change(session, digest_id)
    if change is None:
        raise ConflictError("digest.nothing_to_undo", "Nothing of digest %(digest)s can be undone.", digest=digest_id)
    _restore(session, digest, change.before)
    change.undone_at, change.digest_version = clock.now(), digest.version
    change.undone_by_kind, change.undone_by_id = by.kind, by.id
    session.flush()
    return change


def redo(session: Session, digest_id: int, version: int, *, by: Actor) -> DigestChange:
    """Make the change again that was undone last. Raises ConflictError as `undo` does."""
    digest = lifecycle.begin_edit(session, digest_id, version, by=by)
    change = last_undone(session, digest_id)
    if change is None:
        raise ConflictError("digest.nothing_to_redo", "Nothing of digest %(digest)s can be redone.", digest=digest_id)
    _restore(session, digest, change.after)
    change.undone_at = change.undone_by_kind = change.undone_by_id = None
    change.by_kind, change.by_id = by.kind, by.id
    change.made_at, change.digest_version = clock.now(), digest.version
    session.flush()
    return change


def end_undo(session: Session, digest: Digest) -> None:
    """Delete the changes of a digest that could be undone, since it changed in a way that is not recorded."""
    session.execute(delete(DigestChange).where(DigestChange.digest_id == digest.id))


def last_change(session: Session, digest_id: int) -> DigestChange | None:
    """The change that `undo` would undo."""
    is_made = (DigestChange.digest_id == digest_id, DigestChange.undone_at.is_(None))
    return session.scalar(select(DigestChange).where(*is_made).order_by(DigestChange.id.desc()).limit(1))


def last_undone(session: Session, digest_id: int) -> DigestChange | None:
    """The change that `redo` would make again."""
    is_undone = (DigestChange.digest_id == digest_id, DigestChange.undone_at.is_not(None))
    return session.scalar(select(DigestChange).where(*is_undone).order_by(DigestChange.id).limit(1))


def changes_since(session: Session, digest_id: int, version: int) -> Sequence[DigestChange]:
    """The changes that were made, undone or redone after `version`, the oldest first."""
    is_later = (DigestChange.digest_id == digest_id, DigestChange.digest_version > version)
    return session.scalars(select(DigestChange).where(*is_later).order_by(DigestChange.digest_version)).all()


def recent_changes(session: Session, digest_id: int) -> Sequence[DigestChange]:
    """The last changes of a draft, the newest first, without the states that they led from and to."""
    return session.scalars(_RECENT, {"digest": digest_id}).all()


def dropped_articles(changes: Sequence[DigestChange], digest: Digest) -> dict[str, str]:
    """Of recent changes: the titles of articles that were taken out and are not back, by slug, the last one first."""
    held = {revision.slug for revision in digest.revisions}
    abouts = [each.about for each in changes if each.kind == ChangeKind.DROPPED and each.undone_at is None]
    return {about["slug"]: about["title"] for about in abouts if about["slug"] not in held}


def last_place(session: Session, digest: Digest, slug: str) -> tuple[int, str]:
    """The index at which an article last stood before it was taken out, and its own dek. Raises NotFoundError."""
    for change in _dropped(session, digest.id):
        if change.about["slug"] == slug:
            before, after = change.before["items"], change.after["items"]
            return next((index, dek) for index, (number, dek) in enumerate(before) if [number, dek] not in after)
    raise NotFoundError("digest.not_dropped", "“%(slug)s” was not taken out of digest %(digest)s.", slug=slug,
                        digest=digest.id)  # fmt: skip


def _dropped(session: Session, digest_id: int) -> Sequence[DigestChange]:
    is_drop = (
        DigestChange.digest_id == digest_id,
        DigestChange.kind == ChangeKind.DROPPED,
        DigestChange.undone_at.is_(None),
    )
    return session.scalars(select(DigestChange).where(*is_drop).order_by(DigestChange.id.desc()).limit(RECENT)).all()


def _state_of(digest: Digest) -> State:
    items = [[item.revision_id, item.own_dek] for item in digest.items]
    return {**{name: getattr(digest, name) for name in _COLUMNS}, "items": items}


def _restore(session: Session, digest: Digest, state: State) -> None:
    for name in _COLUMNS:
        if name in state:
            setattr(digest, name, state[name])
    if "items" not in state:
        return
    held = {item.revision_id: item for item in digest.items}
    items = []
    for revision_id, own_dek in state["items"]:
        item = held.get(revision_id) or DigestArticle(revision=session.get_one(Revision, revision_id))
        item.own_dek = own_dek
        items.append(item)
    put_in_order(session, digest, items)


def _store(session: Session, change: Recording, before: State, after: State, by: Actor) -> None:
    digest = change.digest
    undone = (DigestChange.digest_id == digest.id, DigestChange.undone_at.is_not(None))
    is_old = (DigestChange.digest_id == digest.id, DigestChange.digest_version < digest.version - KEPT_VERSIONS)
    had_undone = session.execute(delete(DigestChange).where(*undone)).rowcount  # type: ignore[attr-defined]
    session.execute(delete(DigestChange).where(*is_old))
    last = last_change(session, digest.id)
    if last is not None and not had_undone and _goes_on(last, change, after, by):
        last.after, last.digest_version = {**last.after, **after}, digest.version
    else:
        session.add(
            DigestChange(
                digest_id=digest.id,
                kind=change.kind,
                about=change.about,
                before=before,
                after=after,
                digest_version=digest.version,
                by_kind=by.kind,
                by_id=by.id,
            )
        )
    session.flush()


def _goes_on(last: DigestChange, change: Recording, after: State, by: Actor) -> bool:
    """Whether a change is the next saving of the same words by the same person."""
    return (
        (last.kind, last.by_kind, last.by_id) == (change.kind, by.kind, by.id)
        and last.kind in _TYPED
        and last.digest_version == change.digest.version - 1
        and last.about == change.about
        and set(after) <= set(last.after)
        and clock.now() - last.made_at < TYPED_TOGETHER
    )
