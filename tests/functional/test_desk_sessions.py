"""Sessions at the desk: what a new one takes over, and what ends with the one before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from newsletter.core import clock
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.staff import people, sessions
from newsletter.staff.models import StaffMember
from newsletter.staff.rights import Role
from tests.services import desk


@pytest.fixture
def number(db: Database) -> int:
    """An admin."""
    return desk.add_person(db, Role.ADMIN)


def test_a_new_sign_in_ends_the_session_that_the_browser_had(
    app: Flask, db: Database, settings: Settings, number: int
) -> None:
    first = desk.sign_in(app, db, settings, number)
    cookie = first.client.get_cookie(desk.cookie_name(settings), domain=settings.public_host)
    assert cookie
    with db.transaction() as session:
        sessions.start_session(session, people.get_member(session, number), "Firefox", former_token=cookie.value)
    assert first.get("/desk/account").status_code == 303


def test_forms_of_one_person_are_no_good_for_the_next_in_the_same_browser(db: Database, number: int) -> None:
    other = desk.add_person(db, Role.AUTHOR, name="Other")
    token, forms = "", []
    for person in (number, other):
        with db.transaction() as session:
            member = people.get_member(session, person)
            token = sessions.start_session(session, member, "Firefox", former_token=token)
            found = sessions.find_session(session, token, timedelta(minutes=30))
            assert found
            forms.append(found.form_token)
    assert forms[0] != forms[1]


def test_a_removed_person_has_no_session_whatever_is_left_of_it(
    app: Flask, db: Database, settings: Settings, number: int
) -> None:
    """One may have begun while the person was being removed."""
    person = desk.sign_in(app, db, settings, number)
    assert person.get("/desk/account").status_code == 200
    with db.transaction() as session:
        session.execute(update(StaffMember).values(removed_at=clock.now()))
    assert person.get("/desk/account").status_code == 303
