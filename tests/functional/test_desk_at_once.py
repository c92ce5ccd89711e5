"""What works once works once, however many ask for it in the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from newsletter.core.actors import OPERATOR
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError
from newsletter.staff import links, people, recovery_codes, sessions, sign_in
from newsletter.staff.models import StaffLinkPurpose
from newsletter.staff.rights import Role
from tests.services import desk

THREADS = 4


def successes(attempt: Callable[[], bool]) -> int:
    """How many of some attempts in the same moment succeed. Raises what one of them raises."""
    start = threading.Barrier(THREADS)

    def run() -> bool:
        start.wait()
        return attempt()

    with ThreadPoolExecutor(THREADS) as pool:
        attempts = [pool.submit(run) for _ in range(THREADS)]
    return sum(each.result() for each in attempts)


def test_a_code_and_a_link_are_used_by_one(db: Database, settings: Settings) -> None:
    number = desk.add_person(db, settings=settings)
    with db.transaction() as session:
        recovery_code = recovery_codes.make_codes(session, number)[0]
        member = people.get_member(session, number)
        link = links.make_link(session, settings.signing_keys, member, StaffLinkPurpose.RESET)

    def enter(code: str) -> bool:
        with db.transaction() as session:
            member = people.get_member(session, number)  # not locked: the statements alone have to hold
            return sign_in.accept_second_step(session, settings.signing_keys, member, code) is not None

    def use_link() -> bool:
        try:
            with db.transaction() as session:
                links.use_link(session, link)
        except links.StaffLinkError:
            return False
        return True

    code = desk.app_code()
    assert successes(lambda: enter(recovery_code)) == 1
    assert successes(lambda: enter(code)) == 1
    assert successes(use_link) == 1


def test_an_invitation_and_a_session_meet_no_error(db: Database) -> None:
    number = desk.add_person(db)
    former = desk.start_session(db, number)

    def invite() -> bool:
        try:
            with db.transaction() as session:
                people.add_member(session, "leo@dispatch.example", Role.AUTHOR, by=OPERATOR)
        except ConflictError:
            return False
        return True

    def start() -> bool:
        with db.transaction() as session:
            sessions.start_session(session, people.get_member(session, number), "Firefox", former_token=former)
        return True

    assert successes(invite) == 1
    assert successes(start) == THREADS
