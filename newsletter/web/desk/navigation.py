"""The desk's main menu: links to the pages that exist and that the person may open."""

from __future__ import annotations

from typing import NamedTuple

from flask import current_app, request, url_for

from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff.rights import Right
from newsletter.staff.sessions import SignedIn


class MenuEntry(NamedTuple):
    """A page of the menu. An entry whose endpoint does not exist yet is left out."""

    endpoint: str
    words: str
    right: Right


MENU = (
    MenuEntry("desk.home", gettext_noop("Today"), Right.WRITE),
    MenuEntry("desk.articles", gettext_noop("Articles"), Right.WRITE),
    MenuEntry("desk.digests", gettext_noop("Digests"), Right.WRITE),
    MenuEntry("desk.people", gettext_noop("People"), Right.PEOPLE),
    MenuEntry("desk.audit_log", gettext_noop("Audit log"), Right.PEOPLE),
    MenuEntry("desk.outbox", gettext_noop("Outbox"), Right.READERS),
)


class MenuLink(NamedTuple):
    """A link of the menu."""

    path: str
    words: str
    is_current: bool


def links_for(person: SignedIn) -> list[MenuLink]:
    """The menu of a person."""
    shown = (
        entry
        for entry in MENU
        if entry.endpoint in current_app.view_functions and person.may(entry.right) and _is_used(entry)
    )
    paths = ((entry, url_for(entry.endpoint)) for entry in shown)
    return [MenuLink(path, entry.words, _is_current(entry, path)) for entry, path in paths]


def _is_used(entry: MenuEntry) -> bool:
    """Whether this installation has anything for the page: only mails in a folder can be shown."""
    return entry.endpoint != "desk.outbox" or runtime().settings.mail_transport == "maildir"


def _is_current(entry: MenuEntry, path: str) -> bool:
    """Whether the page is the entry's, which has this path, or below it."""
    if entry.endpoint == "desk.home":
        return request.path == path
    return request.path == path or request.path.startswith(f"{path}/")
