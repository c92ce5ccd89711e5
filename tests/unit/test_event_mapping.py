"""SendGrid's words are mapped to ours, and nothing else of an event is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from newsletter.core.errors import InvalidError
from newsletter.core.ids import BatchId
from newsletter.core.storable_text import is_storable
from newsletter.delivery.events import sendgrid_events
from newsletter.delivery.events.event_kinds import Acceptance, EventKind, ReaderEvent
from tests.services.sendgrid_events import body, event

NOW = 1_777_723_200
OURS = {"batch": "17", "attempt": "2", "letter": "0123456789ab", "n": "5"}

WORDS: list[tuple[dict[str, Any], EventKind, EventKind | None]] = [
    ({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}, EventKind.BOUNCED, None),
    ({"event": "bounce"}, EventKind.SOFT_BOUNCED, None),
    ({"event": "bounce", "type": "bounce"}, EventKind.SOFT_BOUNCED, None),
    ({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "no such user"}, EventKind.BOUNCED, None),
    ({"event": "bounce", "type": "bounce", "status": "5.7.1", "reason": "spam"}, EventKind.BLOCKED, None),
    (
        {"event": "bounce", "type": "blocked", "bounce_classification": "Mailbox Unavailable", "status": "4.2.2"},
        EventKind.SOFT_BOUNCED,
        None,
    ),
    ({"event": "bounce", "type": "blocked", "bounce_classification": "Unclassified"}, EventKind.SOFT_BOUNCED, None),
    ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, EventKind.BLOCKED, None),
    ({"event": "bounce", "type": "blocked", "bounce_classification": "Reputation"}, EventKind.BLOCKED, None),
    ({"event": "bounce", "type": "blocked", "bounce_classification": "Content"}, EventKind.BLOCKED, None),
    (
        {"event": "bounce", "type": "blocked", "bounce_classification": "Technical Failure"},
        EventKind.SOFT_BOUNCED,
        None,
    ),
    ({"event": "bounce", "type": "blocked", "bounce_classification": "Frequency/Volume"}, EventKind.BLOCKED, None),
    ({"event": "spamreport"}, EventKind.COMPLAINED, None),
    ({"event": "unsubscribe"}, EventKind.UNSUBSCRIBED, None),
    ({"event": "group_unsubscribe", "asm_group_id": 1}, EventKind.UNSUBSCRIBED, None),
    ({"event": "dropped", "reason": "Bounced Address"}, EventKind.DROPPED, EventKind.BOUNCED),
    ({"event": "dropped", "reason": "Invalid"}, EventKind.DROPPED, EventKind.BOUNCED),
    ({"event": "dropped", "reason": "Spam Reporting Address"}, EventKind.DROPPED, EventKind.COMPLAINED),
    ({"event": "dropped", "reason": "Unsubscribed Address"}, EventKind.DROPPED, EventKind.UNSUBSCRIBED),
    ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, EventKind.DROPPED, None),
    ({"event": "dropped", "reason": "Recipient List over Package Quota"}, EventKind.DROPPED, None),
    ({"event": "dropped", "reason": "Spam Content (if spam checker app is enabled)"}, EventKind.DROPPED, None),
]


@pytest.mark.parametrize(("fields", "kind", "listed"), WORDS)
def test_each_word_has_its_meaning(fields: dict[str, Any], kind: EventKind, listed: EventKind | None) -> None:
    fields = dict(fields)
    delivery = sendgrid_events.parse_delivery(
        body(event(fields.pop("event"), "ada@example.org", NOW - 60, **OURS, **fields)), NOW
    )
    assert delivery.acceptances == {Acceptance(BatchId(17), 2, "0123456789ab")}
    ((found, address, _),) = delivery.events
    assert address == "ada@example.org"
    assert (found.kind, found.listed, found.batch_id, found.position, found.at) == (kind, listed, 17, 5, NOW - 60)


@pytest.mark.parametrize("word", sorted(sendgrid_events.ACCEPTANCE_ONLY))
def test_events_that_only_prove_acceptance(word: str) -> None:
    delivery = sendgrid_events.parse_delivery(body(event(word, "ada@example.org", NOW, **OURS)), NOW)
    assert delivery == ({Acceptance(BatchId(17), 2, "0123456789ab")}, [])


@pytest.mark.parametrize("word", ["open", "click", "group_resubscribe", "something_new", None, 7, ["bounce"]])
def test_other_words_are_not_read_at_all(word: Any) -> None:
    assert sendgrid_events.parse_delivery(body(event("", "ada@example.org", NOW, **OURS) | {"event": word}), NOW) == (
        set(),
        [],
    )


def test_the_address_is_taken_out_of_the_reason() -> None:
    said = "550 5.1.1 <Ada.L@example.org>: user ada.l unknown"
    delivery = sendgrid_events.parse_delivery(body(event("bounce", "ada.l@example.org", NOW, reason=said)), NOW)
    assert "ada" not in delivery.events[0].event.reason.lower()
    assert delivery.events[0].event.reason.startswith("550 5.1.1")


@pytest.mark.parametrize(("at", "kept"), [(NOW + 999, NOW), (-1, NOW), ("1777723100", NOW), (None, NOW), (1.5, NOW)])
def test_a_strange_time_is_now(at: Any, kept: int) -> None:
    delivery = sendgrid_events.parse_delivery(body(event("bounce", "ada@example.org", NOW) | {"timestamp": at}), NOW)
    assert delivery.events[0].event.at == kept


@pytest.mark.parametrize("number", ["", "x", "-1", "1.5", "٣", "1" * 19, 17, None, ["1"]])
def test_a_strange_number_is_none(number: Any) -> None:
    delivery = sendgrid_events.parse_delivery(
        body(event("bounce", "a@example.org", NOW) | {"batch": number, "attempt": "1"}), NOW
    )
    assert delivery.acceptances == set()
    assert delivery.events[0].event.batch_id is None


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b'"x"', b"[1]", b"[[]]", b"\xff", b"[" * 5000])
def test_anything_but_an_array_of_objects_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidError):
        sendgrid_events.parse_delivery(text, NOW)


@pytest.mark.parametrize("field", ["email", "reason", "event", "status", "type", "letter", "bounce_classification"])
@pytest.mark.parametrize("bad", ["\x00", "\ud800", "x\udfff"])
def test_a_bad_item_is_dropped_alone(field: str, bad: str) -> None:
    good = event("spamreport", "ada@example.org", NOW, **OURS)
    for one in (event("bounce", "bo@example.org", NOW, **OURS) | {field: bad}, [bad], bad):
        delivery = sendgrid_events.parse_delivery(json.dumps([good, one, good]).encode(), NOW)
        assert [found.event.kind for found in delivery.events].count(EventKind.COMPLAINED) == 2
        assert all(is_storable(found.address + found.event.reason) for found in delivery.events)


def test_half_a_pair_in_raw_bytes_costs_its_item_alone() -> None:
    raw = (
        b'[{"event": "bounce", "email": "\xed\xa0\x80@example.org"}, {"event": "spamreport", "email": "a@example.org"}]'
    )
    assert [found.address for found in sendgrid_events.parse_delivery(raw, NOW).events] == ["a@example.org"]


@pytest.mark.parametrize("depth", [500, 900, 980, 1000])
@pytest.mark.parametrize("word", ["bounce", "open"])
def test_an_item_that_is_nested_deeply_costs_no_other(word: str, depth: int) -> None:
    deep = f'{{"event": "{word}", "x": {"[" * depth}{"]" * depth}}}'.encode()
    good = json.dumps(event("spamreport", "a@example.org", NOW)).encode()
    delivery = sendgrid_events.parse_delivery(b"[" + b", ".join([good, deep, good]) + b"]", NOW)
    assert [found.address for found in delivery.events if found.address] == ["a@example.org"] * 2


@pytest.mark.parametrize("bad", [b'"\xff"', b'{"event": "bounce", "email": "\xff@example.org"}'])
def test_an_item_with_bytes_that_are_no_text_is_dropped_alone(bad: bytes) -> None:
    good = json.dumps(event("spamreport", "ü@example.org", NOW), ensure_ascii=False).encode()
    raw = b"\xef\xbb\xbf[" + b", ".join([good, bad, good]) + b"]"
    found = sendgrid_events.parse_delivery(raw, NOW).events
    assert [each.address for each in found] == ["ü@example.org"] * 2


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
words = st.sampled_from(["bounce", "dropped", "spamreport", "unsubscribe", "processed", "delivered", "deferred"])
names = ["email", "timestamp", "type", "reason", "status", "bounce_classification", "batch", "attempt", "n"]
hostile = st.lists(st.fixed_dictionaries({"event": words | anything}, optional=dict.fromkeys(names, anything)))


@hypothesis_settings(deadline=None)
@given(hostile)
def test_no_json_breaks_it(events: list[dict[str, Any]]) -> None:
    delivery = sendgrid_events.parse_delivery(json.dumps(events).encode(), NOW)
    for found in delivery.events:
        again = ReaderEvent.from_json(json.loads(json.dumps(found.event)))
        assert again == found.event
        assert is_storable(found.address)
        assert is_storable(found.event.reason)
        assert 0 < again.at <= NOW
