"""People: who has an account, in which role; inviting, changing and removing. For admins."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from newsletter.core import public_paths
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime
from newsletter.staff import audit, links, people, rights, sessions
from newsletter.staff.audit import AuditAction, member_object
from newsletter.staff.rights import Right, Role
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, page_with_errors, render_desk, signed_in

NOTICES = {
    "role": gettext_noop("The role is changed. The person signs in again."),
    "signed_out": gettext_noop("The person is signed out everywhere."),
    "removed": gettext_noop("The account is removed."),
}
"""Notices of the page after a change, by its parameter `done`."""

NO_SUCH_ROLE = gettext_noop("Choose one of the roles.")


@desk.get("/people", endpoint="people")
@needs(Right.PEOPLE)
def people_page() -> str:
    """All people, and the table of rights."""
    said = NOTICES.get(request.args.get("done", ""), "")
    return render_desk("people.html", **_values(), said=said, errors={}, email="", role=Role.AUTHOR)


@desk.post("/people")
@needs(Right.PEOPLE, recent_proof=True)
def invite() -> ResponseReturnValue:
    """Invite somebody: a link by mail, and on the page."""
    settings, email = runtime().settings, request.form.get("email", "")[:320]
    try:
        with runtime().db.transaction() as session:
            member = people.add_member(session, email, _role(), by=signed_in().actor)
            token = links.send_link(session, settings, member, by=signed_in().actor)
    except (InvalidError, ConflictError) as error:
        role = request.form.get("role", Role.AUTHOR)
        field = "role" if error.code == "staff.no_such_role" else "email"
        return page_with_errors("people.html", **_values(), said="", errors={field: error}, email=email, role=role)
    runtime().queues.enqueue_mails()
    return _link_page(token, member.email or "")


@desk.get("/people/<int:number>")
@needs(Right.PEOPLE)
def person(number: int) -> str:
    """One person."""
    return render_desk("person.html", **_person_values(number), errors={})


@desk.post("/people/<int:number>/role")
@needs(Right.PEOPLE, recent_proof=True)
def give_role(number: int) -> ResponseReturnValue:
    """Change a person's role."""
    try:
        with runtime().db.transaction() as session:
            people.give_role(session, number, _role(), by=signed_in().actor)
    except (InvalidError, ConflictError) as error:
        return page_with_errors("person.html", **_person_values(number), errors={"role": error})
    return _done("role")


@desk.post("/people/<int:number>/sign-out")
@needs(Right.PEOPLE)
def sign_out_person(number: int) -> Response:
    """End all sessions of a person."""
    with runtime().db.transaction() as session:
        people.get_member(session, number, for_change=True)
        sessions.end_all(session, number)
        audit.record(session, AuditAction.SIGNED_OUT_EVERYWHERE, by=signed_in().actor, on=member_object(number))
    return _done("signed_out")


@desk.post("/people/<int:number>/link")
@needs(Right.PEOPLE, recent_proof=True)
def new_link(number: int) -> ResponseReturnValue:
    """Make a new link for an invited person, or for one who lost everything."""
    with runtime().db.transaction() as session:
        member = people.get_member(session, number, for_change=True)
        token = links.send_link(session, runtime().settings, member, by=signed_in().actor)
    runtime().queues.enqueue_mails()
    return _link_page(token, member.email or "")


@desk.post("/people/<int:number>/remove")
@needs(Right.PEOPLE, recent_proof=True)
def remove_person(number: int) -> ResponseReturnValue:
    """Remove a person, or take an invitation back."""
    try:
        with runtime().db.transaction() as session:
            people.remove_member(session, number, by=signed_in().actor)
    except ConflictError as error:
        return page_with_errors("person.html", **_person_values(number), errors={"remove": error})
    return _done("removed")


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        raise InvalidError("staff.no_such_role", NO_SUCH_ROLE) from None


def _link_page(token: str, email: str) -> str:
    path = public_paths.desk_link(token)
    minutes = int(links.LINK_AGE.total_seconds()) // 60
    return render_desk("link_made.html", link=runtime().settings.url(path), email=email, minutes=minutes)


def _done(what: str) -> Response:
    return redirect(url_for("desk.people", done=what), 303)  # type: ignore[return-value]


def _values() -> dict[str, Any]:
    with runtime().db.reading() as session:
        return {"members": people.list_members(session), **_roles()}


def _person_values(number: int) -> dict[str, Any]:
    with runtime().db.reading() as session:
        member = people.get_member(session, number)
        found = sessions.list_sessions(session, number, runtime().settings.desk_idle_after)
    return {"member": member, "sessions": found, **_roles()}


def _roles() -> dict[str, Any]:
    return {
        "roles": rights.ROLE_NAMES,
        "rights": [
            (words, [rights.has_right(role, right) for role in Role]) for right, words in rights.RIGHT_NAMES.items()
        ],
    }
