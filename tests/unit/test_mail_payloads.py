"""Payloads of transactional mails come back from JSON as they were, and the registry knows each kind once."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.templates import TEMPLATES
from newsletter.mail.mail_types import MailPayload, MailType, by_kind, one_by_one
from newsletter.operations.mail_registry import MAIL_TYPES
from newsletter.staff.mail_payloads import StaffLinkMail
from newsletter.subscribers.mail_payloads import AlreadySubscribed, Confirmation, OneTimeLinkMail
from newsletter.subscribers.models import LinkPurpose

PAYLOADS = [mail_type.payload for mail_type in MAIL_TYPES.values()]


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a payload's field, by its type."""
    if get_origin(hint) is tuple:
        return st.lists(values_of(get_args(hint)[0])).map(tuple)
    if hint is datetime:
        return st.datetimes(timezones=st.just(UTC))
    if issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    return {str: st.text(), bool: st.booleans()}[hint]


def payloads_of(payload: type[MailPayload]) -> st.SearchStrategy[MailPayload]:
    hints = get_type_hints(payload)
    return st.builds(payload, **{field.name: values_of(hints[field.name]) for field in fields(payload)})


@given(st.one_of(*(payloads_of(payload) for payload in PAYLOADS)))
def test_a_payload_comes_back_as_it_was(payload: MailPayload) -> None:
    again = type(payload).from_json(json.loads(json.dumps(payload.to_json())))
    assert again == payload
    assert {name: type(value) for name, value in vars(again).items()} == {
        name: type(value) for name, value in vars(payload).items()
    }


def nothing(*_: object) -> None:
    return None


def test_two_types_of_one_kind_are_refused() -> None:
    class Another(Confirmation):
        """Of the same kind."""

    with pytest.raises(ValueError, match="one kind"):
        by_kind(MailType(Confirmation, one_by_one(nothing)), MailType(Another, one_by_one(nothing)))
    assert by_kind(
        MailType(Confirmation, one_by_one(nothing)), MailType(AlreadySubscribed, one_by_one(nothing))
    ).keys() == {
        "confirmation",
        "already_subscribed",
    }


@pytest.mark.parametrize("payload", PAYLOADS)
def test_every_kind_has_its_words(payload: type[MailPayload]) -> None:
    """One file holds the words of the HTML and of the text. `test_data_export` tests that the data page names each."""
    by_purpose: dict[type[MailPayload], list[str]] = {
        OneTimeLinkMail: [f"{purpose}_link" for purpose in LinkPurpose],
        StaffLinkMail: ["staff_invitation", "staff_reset"],
    }
    names = by_purpose.get(payload, [payload.kind])
    for name in names:
        assert (TEMPLATES / "mail" / "transactional" / f"{name}.txt").is_file(), name
