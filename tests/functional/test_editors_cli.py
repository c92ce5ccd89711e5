"""`newsletter editors`: what an admin can do, and the way back for whoever lost everything."""

from __future__ import annotations

import json
import logging

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from newsletter.cli import cli
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.mail.models import OutgoingMail
from newsletter.staff.models import AuditEntry
from newsletter.staff.rights import Role
from tests.services import desk


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(cli, ["editors", *words])


def test_add_prints_a_link_and_mails_it(app: Flask, db: Database, settings: Settings) -> None:
    result = run(app, "add", "mara@dispatch.example", "--role", "admin")
    link, words = result.stdout.splitlines()
    assert link.startswith(f"{settings.public_url}/desk/link/")
    assert words == "The link works once, for an hour. Older ones of this person have ended."
    assert "Set up your account" in app.test_client().get(link.removeprefix(settings.public_url)).text
    with db.reading() as session:
        assert session.scalars(select(OutgoingMail.kind)).all() == ["staff_link"]
    again = run(app, "add", "Mara@dispatch.example")
    assert again.exit_code == 1
    assert "has an account already. `newsletter editors reset EMAIL` makes a new link." in again.stderr


def test_list_shows_all(app: Flask, db: Database, settings: Settings) -> None:
    assert "Nobody has an account yet" in run(app, "list").stdout
    desk.add_person(db, Role.ADMIN, name="Mara Weiss", email="mara@dispatch.example", settings=settings)
    run(app, "add", "leo@dispatch.example")
    assert "mara@dispatch.example  Mara Weiss  admin" in run(app, "list").stdout
    mara, leo = json.loads(run(app, "list", "--json").stdout)
    assert (mara["code_app"], mara["passkeys"], mara["set_up"]) == (True, 0, True)
    assert (leo["name"], leo["role"], leo["set_up"]) == ("", "editor", False)


def test_role_and_remove_end_at_the_last_admin(app: Flask, db: Database) -> None:
    desk.add_person(db, Role.ADMIN, email="mara@dispatch.example")
    desk.add_person(db, Role.EDITOR, email="noor@dispatch.example")
    assert run(app, "role", "noor@dispatch.example", "author").stdout == "noor@dispatch.example is an author now.\n"
    for words in (("role", "mara@dispatch.example", "editor"), ("remove", "mara@dispatch.example", "--yes")):
        result = run(app, *words)
        assert result.exit_code == 1
        assert "the last admin" in result.stderr
    assert run(app, "remove", "noor@dispatch.example", "--yes").stdout == "Removed.\n"
    assert "There is no such person" in run(app, "remove", "noor@dispatch.example", "--yes").stderr


def test_reset_is_logged_by_number(
    app: Flask, db: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    number = desk.add_person(db, Role.ADMIN, email="mara@dispatch.example", settings=settings)
    with caplog.at_level(logging.WARNING):
        result = run(app, "reset", "mara@dispatch.example")
    assert "/desk/link/" in result.stdout
    assert f"a link to reset account {number} was made (by operator)" in caplog.text
    assert "mara@" not in caplog.text
    with db.reading() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.action, entry.actor_kind, entry.object_id) == ("people.link_made", "operator", number)
