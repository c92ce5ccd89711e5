"""A digest's states: which action is allowed from which, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.actors import CLOCK, OPERATOR, WORKER
from newsletter.core.db import Database
from newsletter.core.errors import ConflictError, NotFoundError
from newsletter.digests import lifecycle
from newsletter.digests.models import Digest, DigestStatus, PausedReason
from newsletter.digests.queries import get_digest
from tests.factories import add_article, add_digest

pytestmark = pytest.mark.usefixtures("app")

S = DigestStatus
Act = Callable[[Session, int], object]


def pause(session: Session, digest_id: int) -> Digest:
    return lifecycle.pause(session, digest_id, PausedReason.EDITOR, None, by=OPERATOR)


def schedule(session: Session, digest_id: int) -> Digest:
    at, version = clock.now() + timedelta(hours=1), get_digest(session, digest_id).version
    return lifecycle.schedule(session, digest_id, version, at, provider_schedule=False, by=OPERATOR)


def edit(session: Session, digest_id: int) -> Digest:
    return lifecycle.begin_edit(session, digest_id, get_digest(session, digest_id).version, by=OPERATOR)


def resume(session: Session, digest_id: int) -> Digest:
    return lifecycle.resume(session, digest_id, by=OPERATOR)


def cancel(session: Session, digest_id: int) -> Digest:
    return lifecycle.cancel(session, digest_id, by=OPERATOR)


def reopen(session: Session, digest_id: int) -> Digest:
    return lifecycle.reopen(session, digest_id, by=OPERATOR)


def unschedule(session: Session, digest_id: int) -> Digest:
    return lifecycle.unschedule(session, digest_id, by=OPERATOR)


ALLOWED: dict[Act, dict[DigestStatus, DigestStatus]] = {
    edit: {S.DRAFT: S.DRAFT},
    schedule: {S.DRAFT: S.SCHEDULED, S.SCHEDULED: S.SCHEDULED},
    pause: {S.SENDING: S.PAUSED},
    resume: {S.PAUSED: S.SENDING},
    reopen: {S.SENT: S.SENDING, S.SENDING: S.SENDING},
    cancel: dict.fromkeys((S.DRAFT, S.SCHEDULED, S.SENDING, S.PAUSED), S.CANCELLED),
}


@pytest.fixture
def digest_id(db: Database) -> int:
    add_article(db, "A story")
    return add_digest(db)


def put_into(session: Session, digest_id: int, status: DigestStatus) -> None:
    """As a row in that status stands there; only a frozen digest has been sent to."""
    frozen_at = clock.now() if status in (S.SENDING, S.PAUSED, S.SENT) else None
    reason = PausedReason.ERROR if status == S.PAUSED else None
    values = {"status": status, "frozen_at": frozen_at, "paused_reason": reason, "paused_note": reason and "A note."}
    session.execute(update(Digest).where(Digest.id == digest_id).values(values))


@pytest.mark.parametrize("status", DigestStatus)
@pytest.mark.parametrize("act", ALLOWED)
def test_each_action_from_each_status(db: Database, digest_id: int, act: Act, status: DigestStatus) -> None:
    with db.transaction() as session:
        put_into(session, digest_id, status)
        before = get_digest(session, digest_id)
        version, reason = before.version, before.paused_reason
        if target := ALLOWED[act].get(status):
            act(session, digest_id)
        else:
            with pytest.raises(ConflictError, match=f"is {status} and cannot be") as refused:
                act(session, digest_id)
            assert (refused.value.code, refused.value.values["status"]) == ("digest.wrong_status", status)
    with db.reading() as session:
        after = get_digest(session, digest_id)
        assert after.status == target or status
        assert after.version == version + (1 if target else 0)
        reasons = {S.PAUSED: PausedReason.EDITOR} if target else {after.status: reason}
        assert after.paused_reason == reasons.get(after.status)


@pytest.mark.parametrize("act", ALLOWED)
def test_an_unknown_digest(db: Database, act: Act) -> None:
    with db.transaction() as session, pytest.raises(NotFoundError) as error:
        act(session, 7)
    assert error.value.code == "digest.unknown"


def test_what_was_read_before_a_change_is_refused(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        lifecycle.begin_edit(session, digest_id, 1, by=OPERATOR)
        with pytest.raises(ConflictError, match="changed in the meantime") as refused:
            lifecycle.begin_edit(session, digest_id, 1, by=OPERATOR)
        assert refused.value.code == "digest.changed"
        with pytest.raises(ConflictError, match="changed in the meantime"):
            lifecycle.schedule(session, digest_id, 1, clock.now(), provider_schedule=False, by=OPERATOR)
        assert schedule(session, digest_id).version == 3
        assert not lifecycle.begin_sending(session, digest_id, 2, "2026-05-02-weekly", by=CLOCK)
        assert lifecycle.begin_sending(session, digest_id, 3, "2026-05-02-weekly", by=CLOCK)
        assert not lifecycle.begin_sending(session, digest_id, 4, "2026-05-02-weekly", by=CLOCK), "it is frozen already"
        digest = get_digest(session, digest_id)
        session.refresh(digest)
        assert (digest.status, digest.version, digest.frozen_at is not None) == (S.SENDING, 4, True)
        assert lifecycle.is_sending(session, digest_id)


@pytest.mark.parametrize(
    ("status", "after"), [(S.SENDING, S.PAUSED), (S.SCHEDULED, S.PAUSED), (S.CANCELLED, S.CANCELLED)]
)
def test_an_error_pauses_what_is_open_and_leaves_what_was_decided(
    db: Database, digest_id: int, status: DigestStatus, after: DigestStatus
) -> None:
    with db.transaction() as session:
        put_into(session, digest_id, status)
        digest = lifecycle.pause(session, digest_id, PausedReason.ERROR, "A full disk.", by=WORKER)
        assert digest.status == after
        assert digest.paused_note == ("A full disk." if after == S.PAUSED else None)


def test_a_later_error_keeps_the_first_note(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        put_into(session, digest_id, S.SENDING)
        lifecycle.pause(session, digest_id, PausedReason.ERROR, "The first.", by=WORKER)
        assert lifecycle.pause(session, digest_id, PausedReason.ERROR, "The second.", by=WORKER).version == 2
        assert get_digest(session, digest_id).paused_note == "The first."


@pytest.mark.parametrize("hours", [-3, 3])
def test_what_was_not_frozen_is_scheduled_again_and_not_for_a_time_that_has_passed(
    db: Database, digest_id: int, hours: int
) -> None:
    at = clock.now() + timedelta(hours=hours)
    with clock.set_to(clock.now()), db.transaction() as session:
        lifecycle.schedule(session, digest_id, 1, at, provider_schedule=True, by=OPERATOR)
        lifecycle.pause(session, digest_id, PausedReason.ERROR, "A full disk.", by=CLOCK)
        digest = resume(session, digest_id)
        assert (digest.status, digest.paused_reason, digest.provider_schedule) == (S.SCHEDULED, None, True)
        assert digest.scheduled_at == max(at, clock.now())


def test_closing_and_reopening(db: Database, digest_id: int) -> None:
    with db.transaction() as session:
        put_into(session, digest_id, S.SENDING)
        assert lifecycle.mark_sent(session, [], by=WORKER) == []
        assert lifecycle.mark_sent(session, [digest_id, 99], by=WORKER) == [digest_id]
        assert lifecycle.mark_sent(session, [digest_id], by=WORKER) == []
        assert not lifecycle.is_sending(session, digest_id)
        assert reopen(session, digest_id).sent_at is None


def test_pausing_all_that_is_open(db: Database, digest_id: int) -> None:
    other, draft = add_digest(db), add_digest(db)
    now = clock.now()
    with db.transaction() as session:
        put_into(session, other, S.SENDING)
        lifecycle.schedule(session, digest_id, 1, now, provider_schedule=False, by=OPERATOR)
    overdue, restored = PausedReason.OVERDUE, PausedReason.RESTORED
    with db.transaction() as session:
        only_scheduled, everything = [S.SCHEDULED], list(S)
        pause_open = lifecycle.pause_open
        assert pause_open(session, only_scheduled, overdue, "Late.", by=CLOCK, scheduled_before=now) == []
        later = now + timedelta(hours=1)
        assert pause_open(session, only_scheduled, overdue, "Late.", by=CLOCK, scheduled_before=later) == [digest_id]
        assert pause_open(session, everything, restored, "A backup.", by=CLOCK) == [other]
        assert get_digest(session, digest_id).paused_reason is PausedReason.OVERDUE
        assert get_digest(session, draft).status == S.DRAFT


def test_the_actor_is_logged(db: Database, digest_id: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "newsletter.digests.lifecycle")
    with db.transaction() as session:
        cancel(session, digest_id)
    assert caplog.messages == [f"digest {digest_id} is cancelled (by operator)"]


class TestUnschedule:
    @pytest.mark.parametrize("status", [S.SCHEDULED, S.PAUSED])
    def test_before_the_freeze_it_becomes_a_draft(self, db: Database, digest_id: int, status: DigestStatus) -> None:
        with db.transaction() as session:
            schedule(session, digest_id)
            if status == S.PAUSED:
                lifecycle.pause(session, digest_id, PausedReason.ERROR, "Blocked.", by=CLOCK)
            digest = unschedule(session, digest_id)
            assert (digest.status, digest.scheduled_at, digest.provider_schedule) == (S.DRAFT, None, False)
            assert (digest.paused_reason, digest.paused_note) == (None, None)
            assert edit(session, digest_id).status == S.DRAFT
            assert schedule(session, digest_id).status == S.SCHEDULED

    @pytest.mark.parametrize(
        ("status", "provider_schedule", "code"),
        [
            (S.DRAFT, False, "digest.wrong_status"),
            (S.SENDING, False, "digest.frozen"),
            (S.PAUSED, False, "digest.frozen"),
            (S.SENDING, True, "digest.at_provider"),
            (S.PAUSED, True, "digest.at_provider"),
            (S.SENT, True, "digest.wrong_status"),
            (S.CANCELLED, False, "digest.wrong_status"),
        ],
    )
    def test_otherwise_it_stays_as_it_is(
        self, db: Database, digest_id: int, status: DigestStatus, provider_schedule: bool, code: str
    ) -> None:
        with db.transaction() as session:
            put_into(session, digest_id, status)
            session.execute(update(Digest).values(provider_schedule=provider_schedule))
            with pytest.raises(ConflictError) as refused:
                unschedule(session, digest_id)
            assert refused.value.code == code
            assert ("SendGrid still allows" in str(refused.value)) == (code == "digest.at_provider")
            assert get_digest(session, digest_id).status == status
