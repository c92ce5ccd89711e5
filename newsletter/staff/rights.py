"""Roles, and the one table of what each may do. Views, pages and tests read it; what is not in it is denied."""

from __future__ import annotations

from enum import StrEnum

from newsletter.core.errors import NewsletterError
from newsletter.core.languages import gettext_noop


class Role(StrEnum):
    """The roles, from the least rights to the most: each has all rights of the one before."""

    AUTHOR = "author"
    EDITOR = "editor"
    ADMIN = "admin"


class Right(StrEnum):
    """The rights that views ask for."""

    WRITE = "write"
    """Write drafts; see all stories, digests and reports."""
    PUBLISH = "publish"
    """Publish and correct stories; compose digests."""
    SEND = "send"
    """Schedule, approve, send, pause and cancel; resolve a batch in doubt."""
    READERS = "readers"
    """Look up, import, export and erase readers; end a suppression."""
    PEOPLE = "people"
    """Invite and remove people, give roles; settings and keys; the audit log."""


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.AUTHOR: frozenset({Right.WRITE}),
    Role.EDITOR: frozenset({Right.WRITE, Right.PUBLISH, Right.SEND}),
    Role.ADMIN: frozenset(Right),
}

ROLE_NAMES = {
    Role.AUTHOR: gettext_noop("Author"),
    Role.EDITOR: gettext_noop("Editor"),
    Role.ADMIN: gettext_noop("Admin"),
}

RIGHT_NAMES = {
    Right.WRITE: gettext_noop("Write drafts, see all stories and reports"),
    Right.PUBLISH: gettext_noop("Publish, correct, compose"),
    Right.SEND: gettext_noop("Schedule, approve, send, pause, resolve a doubt"),
    Right.READERS: gettext_noop("Look up readers, import, export, erase"),
    Right.PEOPLE: gettext_noop("People, settings, support, audit log"),
}


class NotAllowedError(NewsletterError):
    """A person's role does not include what was requested. Nothing was changed."""


def has_right(role: Role, right: Right) -> bool:
    """Whether a role includes a right."""
    return right in RIGHTS[role]


def require_right(role: Role, right: Right) -> None:
    """Raise NotAllowedError unless the role includes the right."""
    if not has_right(role, right):
        raise NotAllowedError(
            "staff.not_allowed", gettext_noop("Your role, %(role)s, does not include this."), role=role.value
        )
