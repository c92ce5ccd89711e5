"""`newsletter editors`: the people of the desk, whatever their role. The operator can do what an admin can."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from newsletter.cli.output import emit, json_option, table
from newsletter.core import public_paths
from newsletter.core.actors import OPERATOR
from newsletter.core.db import log_after_commit
from newsletter.core.runtime import runtime
from newsletter.serializers.staff import member_json
from newsletter.staff import links, people
from newsletter.staff.models import StaffMember
from newsletter.staff.people import ListedMember
from newsletter.staff.rights import Role
from newsletter.subscribers import models as _models  # noqa: F401 - the table of waiting mails refers to its own

log = logging.getLogger(__name__)

ROLES = click.Choice([role.value for role in Role])

editors = AppGroup("editors", help="The people of the desk: invite, list, give roles, reset, remove.")


@editors.command()
@click.argument("email")
@click.option("--role", type=ROLES, default=Role.EDITOR.value, show_default=True, help="What the person may do.")
@json_option
def add(email: str, role: str, as_json: bool) -> None:
    """Invite the person at EMAIL: prints a link that works once, for an hour. A mail brings it too."""
    with runtime().db.transaction() as session:
        member = people.add_member(session, email, Role(role), by=OPERATOR)
        link = _new_link(session, member)
    _emit_link(member, link, as_json=as_json)


@editors.command()
@click.argument("email")
@json_option
def reset(email: str, as_json: bool) -> None:
    """Let the person at EMAIL, who lost everything, choose anew how to sign in. It stands in log and audit log."""
    with runtime().db.transaction() as session:
        member = people.get_member_by_email(session, email)
        link = _new_link(session, member)
        log_after_commit(session, log).warning("a link to reset account %d was made (by operator)", member.id)
    _emit_link(member, link, as_json=as_json)


@editors.command("list")
@json_option
def list_editors(as_json: bool) -> None:
    """List all people with their roles."""
    with runtime().db.reading() as session:
        members = people.list_members(session)
    emit([member_json(listed) for listed in members], _in_words(members), as_json=as_json)


@editors.command()
@click.argument("email")
@click.argument("role", type=ROLES)
@json_option
def role(email: str, role: str, as_json: bool) -> None:
    """Give the person at EMAIL another ROLE. All their sessions end."""
    with runtime().db.transaction() as session:
        member = people.get_member_by_email(session, email)
        people.give_role(session, member.id, Role(role), by=OPERATOR)
    emit({"id": member.id, "role": role}, f"{email} is an {role} now.", as_json=as_json)


@editors.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(email: str, yes: bool, as_json: bool) -> None:
    """Remove the person at EMAIL, who is signed out at once. The name stays in the audit log."""
    with runtime().db.transaction() as session:
        number = people.get_member_by_email(session, email).id
    if not yes:
        click.confirm(f"Remove {email}?", abort=True, err=True)
    with runtime().db.transaction() as session:
        people.remove_member(session, number, by=OPERATOR)
    emit({"id": number, "removed": True}, "Removed.", as_json=as_json)


def _new_link(session: Session, member: StaffMember) -> str:
    settings = runtime().settings
    return settings.url(public_paths.desk_link(links.send_link(session, settings, member, by=OPERATOR)))


def _emit_link(member: StaffMember, link: str, *, as_json: bool) -> None:
    runtime().queues.enqueue_mails()
    words = f"{link}\nThe link works once, for an hour. Older ones of this person have ended."
    emit({"id": member.id, "role": member.role.value, "link": link}, words, as_json=as_json)


def _in_words(members: Sequence[ListedMember]) -> str:
    rows = [(one.member.id, one.member.email, one.member.name or "(invited)", one.member.role.value) for one in members]
    return table(rows, ("ID", "EMAIL", "NAME", "ROLE"), "Nobody has an account yet: `newsletter editors add EMAIL`.")
