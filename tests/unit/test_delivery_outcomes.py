"""The outcomes of a batch: what changes, and for whom."""

from __future__ import annotations

import pytest

from newsletter.delivery.ledger.lifecycle import CANCEL, CLAIM, FINISH, MARK_SENDING, RELEASE, RENEW, RESOLVE, WITHDRAW
from newsletter.delivery.ledger.models import BatchState
from newsletter.delivery.ledger.outcome_bytes import Outcomes


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        (b"aaa", BatchState.DONE),
        (b"arsc", BatchState.DONE),
        (b"", BatchState.DONE),
        (b"aw", BatchState.READY),
        (b"ad", BatchState.READY),
        (b"wd?", BatchState.IN_DOUBT),
        (b"a?", BatchState.IN_DOUBT),
    ],
)
def test_outcomes_make_a_state(codes: bytes, state: BatchState) -> None:
    assert Outcomes(codes).batch_state() == state


def test_outcomes_own_their_bytes() -> None:
    codes = b"ww"
    first = Outcomes(codes)
    second = Outcomes(first)
    first.record(0, ord("a"))
    assert (codes, bytes(first), bytes(second)) == (b"ww", b"aw", b"ww")


def test_only_open_recipients_of_a_request_are_assumed_in_doubt() -> None:
    outcomes = Outcomes(b"wdarsw")
    assert bytes(outcomes.assume_in_doubt([0, 1, 2, 3, 4])) == b"??arsw"
    assert bytes(outcomes) == b"wdarsw"


def test_a_recipient_without_an_answer_stays_deferred() -> None:
    outcomes = Outcomes(b"wdwd")
    outcomes.record_all([1, 2, 3], b"wra")
    assert bytes(outcomes) == b"wdra"


def test_an_answer_for_each_position_is_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        Outcomes(b"www").record_all([0, 1], b"a")


def test_open_recipients_wait_or_are_deferred() -> None:
    outcomes = Outcomes(b"awdrs?c")
    assert outcomes.open_positions() == [1, 2]
    outcomes.accept_open([0, 1, 5])
    assert bytes(outcomes) == b"aadrs?c"


def test_deferred_recipients_are_refused_when_they_are_given_up() -> None:
    outcomes = Outcomes(b"dawd")
    assert outcomes.any_deferred
    assert outcomes.refuse_deferred() == [0, 3]
    assert bytes(outcomes) == b"rawr"
    assert not outcomes.any_deferred


@pytest.mark.parametrize(("was_sent", "codes"), [(True, b"aawr"), (False, b"wawr")])
def test_resolving_concerns_recipients_in_doubt_alone(was_sent: bool, codes: bytes) -> None:
    outcomes = Outcomes(b"?awr")
    outcomes.resolve(was_sent=was_sent)
    assert bytes(outcomes) == codes


def test_withdrawing_has_everyone_wait_whom_the_provider_may_have() -> None:
    outcomes = Outcomes(b"a?rsw")
    outcomes.withdraw()
    assert bytes(outcomes) == b"wwrsw"


def test_an_unknown_withdrawal_is_a_doubt() -> None:
    outcomes = Outcomes(b"arw")
    outcomes.doubt_accepted()
    assert bytes(outcomes) == b"?rw"


def test_retrying_concerns_the_refused_alone() -> None:
    outcomes = Outcomes(b"ra")
    assert [outcomes.retry(0), outcomes.retry(1)] == [True, False]
    assert bytes(outcomes) == b"wa"


def test_cancelling_concerns_the_open_alone() -> None:
    outcomes = Outcomes(b"wdar?")
    outcomes.cancel_open()
    assert bytes(outcomes) == b"ccar?"


def test_every_state_can_be_reached_and_left() -> None:
    worker = (CLAIM, RELEASE, MARK_SENDING, RENEW, FINISH)
    reached = {transition.target for transition in worker if transition.target}
    assert reached | {BatchState.DONE, BatchState.IN_DOUBT} == set(BatchState)
    left = {state for transition in (*worker, RESOLVE, CANCEL, WITHDRAW) for state in transition.sources}
    assert left == set(BatchState)
