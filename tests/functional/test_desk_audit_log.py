"""The audit log: who, what, on what, when; append-only, by number, kept for a set time."""

from __future__ import annotations

import csv
import re
from datetime import UTC, timedelta
from io import StringIO
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from newsletter.core import clock
from newsletter.core.actors import CLOCK, OPERATOR, Actor, ActorKind
from newsletter.core.config import Settings
from newsletter.core.db import Database, table_of
from newsletter.core.runtime import runtime
from newsletter.operations import retention
from newsletter.staff import audit, audit_entries, people
from newsletter.staff.audit import AuditAction, AuditObject, member_object
from newsletter.staff.audit_entries import AuditFilter
from newsletter.staff.models import AuditEntry
from newsletter.staff.rights import Role
from newsletter.web.desk.audit_log import PAGE_SIZE
from tests import factories
from tests.invariants.test_pages import check_page
from tests.services import desk
from tests.services.database_work import counted_work
from tests.services.desk import DeskClient


def test_who_what_on_what_and_when(db: Database, admin: DeskClient, editor: DeskClient) -> None:
    admin.post(f"/desk/people/{editor.number}/role", {"role": "author"})
    page = admin.get("/desk/audit-log").text
    row = re.search(r"<tr><th scope=\"row\">(?:(?!</tr>).)*Changed the role.*?</tr>", page, re.DOTALL)
    assert row
    words = " ".join(re.sub(r"<[^>]+>", " ", row[0]).split())
    assert re.fullmatch(r"\d\d:\d\d:\d\d Admin Example Changed the role from editor to author Editor Example", words)


def test_a_test_names_its_recipient(db: Database, admin: DeskClient, editor: DeskClient) -> None:
    factories.add_article(db, "A story")
    on = AuditObject("digest", factories.add_digest(db))
    with db.transaction() as session:
        for to in (editor.number, 999):
            audit.record(session, AuditAction.DIGEST_TESTED, by=OPERATOR, on=on, to=to)
    page = admin.get("/desk/audit-log").text
    assert "Sent a test to Editor Example" in page
    assert "Sent a test to #999" in page


def test_a_borrowed_name_is_told_apart(db: Database, admin: DeskClient, editor: DeskClient) -> None:
    name = admin.member().name
    assert editor.post("/desk/account/name", {"name": name.upper()}).status_code == 303
    editor.post("/desk/account/name", {"name": name.upper()})
    page = admin.get("/desk/audit-log").text
    assert page.count("Changed their name") == 1
    assert f"{name.upper()} (#{editor.number})" in page


@pytest.mark.parametrize(
    "name", ["Operator", "by rule", "Ｏｐｅｒａｔｏｒ", "{admin} (#{number})", "{admin} (＃{number})"]
)
def test_a_name_that_means_another_has_its_own_number(admin: DeskClient, editor: DeskClient, name: str) -> None:
    """The words for those who are no person, and a number that is another's."""
    name = name.format(admin=admin.member().name, number=admin.number)
    assert editor.post("/desk/account/name", {"name": name}).status_code == 303
    assert f"<bdi>{name} (#{editor.number})</bdi>" in admin.get("/desk/audit-log").text


def test_a_day_is_said_once_and_objects_are_links(db: Database, admin: DeskClient) -> None:
    slug, digest = factories.add_article(db, "A story"), factories.add_digest(db)
    for days in (0, 1, 1):
        with clock.set_to(clock.now() + timedelta(days=days)), db.transaction() as session:
            audit.record(session, AuditAction.ARTICLE_PUBLISHED, by=OPERATOR, on=AuditObject("article", 1))
            audit.record(session, AuditAction.DIGEST_SENT, by=OPERATOR, on=AuditObject("digest", digest))
    page = admin.get("/desk/audit-log").text
    check_page(page)
    assert page.count('<tr class="day">') == 2
    assert f'<a href="/desk/articles/stories/{slug}">Story 1</a>' in page
    assert f'<a href="/desk/digests/{digest}/compose">Digest {digest}</a>' in page


def test_no_entry_is_changed_or_deleted(db: Database, admin: DeskClient) -> None:
    for statement in (update(AuditEntry).values(action="x"), delete(AuditEntry)):
        with pytest.raises(DBAPIError, match="stays as it is"), db.transaction() as session:
            session.execute(statement)
    with pytest.raises(DBAPIError, match="stays as it is"), db.transaction() as session:
        session.execute(text("UPDATE audit_entries SET staff_member_id = NULL"))


def test_the_clock_deletes_what_is_old(db: Database, settings: Settings) -> None:
    for days in (0, 729, 731):
        with clock.set_to(clock.now() - timedelta(days=days)), db.transaction() as session:
            audit.record(session, AuditAction.SIGNED_OUT, by=CLOCK)
    with db.transaction() as session:
        audit.delete_old_entries(session, settings.audit_kept_for)
    with db.reading() as session:
        assert len(session.scalars(select(AuditEntry.id)).all()) == 2


def test_the_hourly_run_includes_the_desk(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "is_interval_over", lambda _runtime, key, _seconds: key == retention.LAST_RUN_KEY)
    with clock.set_to(clock.now() - timedelta(days=900)), db.transaction() as session:
        audit.record(session, AuditAction.SIGNED_OUT, by=CLOCK)
    number = desk.add_person(db)
    with clock.set_to(clock.now() - timedelta(days=2)):
        desk.start_session(db, number)
    retention.run_hourly(runtime())
    with db.reading() as session:
        assert [entry.actor_kind for entry in session.scalars(select(AuditEntry))] == ["operator"]
        assert session.execute(text("SELECT count(*) FROM staff_sessions")).scalar() == 0


def test_filters_and_pages(app: Flask, db: Database, admin: DeskClient, editor: DeskClient) -> None:
    with db.transaction() as session:
        for number in range(PAGE_SIZE + 5):
            audit.record(session, AuditAction.ROLE_GIVEN, by=OPERATOR, on=member_object(number + 100), before=1, role=2)
    editor.post("/desk/sign-out")
    first = admin.get("/desk/audit-log?what=people").text
    assert first.count("Changed the role") == PAGE_SIZE
    older = re.search(r'href="(/desk/audit-log\?before=[^"]+)" rel="next"', first)
    assert older
    assert admin.get(older[1].replace("&amp;", "&")).text.count("Changed the role") == 5
    assert "Signed out" in admin.get(f"/desk/audit-log?who={editor.number}").text
    assert "Changed the role" not in admin.get(f"/desk/audit-log?who={editor.number}").text
    assert "No entry fits" in admin.get("/desk/audit-log?since=2999-01-01").text
    for junk in ("who=x", "since=x", "what=%25", "before=99999999999999999999", "who=²"):
        assert admin.get(f"/desk/audit-log?{junk}").status_code == 200


def test_filters_of_a_group_hold_together(db: Database) -> None:
    now = clock.now()
    actions = (AuditAction.ROLE_GIVEN, AuditAction.PERSON_INVITED, AuditAction.SIGNED_OUT)
    with db.transaction() as session:
        members = [people.add_member(session, f"{n}@dispatch.example", Role.EDITOR, by=OPERATOR) for n in range(2)]
        for number in range(24):
            by = Actor(ActorKind.EDITOR, members[number % 2].id)
            with clock.set_to(now + timedelta(days=number // 6)):
                details = {"before": 1, "role": 2}
                audit.record(session, actions[number % 3], by=by, on=member_object(number), **details)
        all_of_it = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).all()
        first = members[0].id
        since, before = clock.today(UTC) + timedelta(days=2), all_of_it[6].id
        for member, group, day, below in product((None, first), ("", "people"), (None, since), (None, before)):
            wanted = AuditFilter(member, group, day, below)
            expected = [
                entry.id
                for entry in all_of_it
                if (member is None or entry.staff_member_id == member)
                and entry.action.startswith(group)
                and (day is None or entry.happened_at.date() >= day)
                and (below is None or entry.id < below)
            ]
            found = audit_entries.entries(session, wanted, ZoneInfo("UTC"), 5)
            assert [entry.id for entry in found] == expected[:5]
            assert [entry.id for entry in audit_entries.all_entries(session, wanted, ZoneInfo("UTC"))] == expected


def test_a_rare_group_is_found_without_reading_the_others(db: Database) -> None:
    def work(others: int) -> int:
        row = {"happened_at": clock.now(), "actor_kind": ActorKind.OPERATOR, "details": {}}
        with db.transaction() as session:
            session.execute(insert(table_of(AuditEntry)), [row | {"action": AuditAction.SIGNED_OUT}] * others)
        with counted_work(db) as counted, db.reading() as session:
            assert audit_entries.entries(session, AuditFilter(group="people"), ZoneInfo("UTC"), 50) == []
        return counted.steps

    few = work(10)
    assert work(4000) < few + 200


def test_all_of_it_as_csv(db: Database, admin: DeskClient) -> None:
    with db.transaction() as session:
        audit.record(session, AuditAction.SIGN_IN_FAILED, by=OPERATOR, on=AuditObject("reader", 20418), count=3)
    answer = admin.get("/desk/audit-log.csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert answer.headers["Content-Disposition"] == "attachment; filename=audit-log.csv"
    assert (rows[0]["object"], rows[0]["object_number"]) == ("reader", "20418")
    assert rows[0]["details"] == "count=3"
    assert len(rows) == 2
    assert admin.get("/desk/audit-log.csv?what=people").text.count("\n") == 2


def test_no_address_stands_in_it(app: Flask, db: Database, admin: DeskClient) -> None:
    client = app.test_client()
    token = desk.token_of_page(client.get("/desk/sign-in").text)
    data = {"form_token": token, "email": "somebody@readers.example", "password": "x"}
    client.post("/desk/sign-in", data=data, environ_overrides={"REMOTE_ADDR": "198.51.100.7"})
    admin.post("/desk/people", {"email": "leo@dispatch.example", "role": "author"})
    with db.reading() as session:
        rows = repr([tuple(row) for row in session.execute(select(AuditEntry.__table__))])
    assert "sign_in.failed" in rows
    assert "@" not in rows
    assert "198.51" not in rows


def test_details_are_numbers_and_words_of_ours(db: Database) -> None:
    with pytest.raises(ValueError, match="invalid literal"), db.transaction() as session:
        audit.record(session, AuditAction.SIGNED_OUT, by=OPERATOR, name="ada@example.org")  # type: ignore[arg-type]


def test_each_action_has_words() -> None:
    assert set(audit.ACTION_WORDS) == set(AuditAction)
    assert {action.partition(".")[0] for action in AuditAction} == set(audit.GROUPS)
