"""Signed return paths: they come back as they were sent, in whatever case, and nobody can make one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail import return_path
from newsletter.mail.return_path import MailReturnPath, ReturnPath

KEY = return_path.return_path_key("a suppression key for the tests")
numbers = st.integers(1, 2**63 - 1)


@given(numbers, numbers, st.sampled_from([str.lower, str.upper, str.title, lambda text: f" {text}\n"]))
def test_it_comes_back(batch: int, reader: int, changed: object) -> None:
    address = return_path.signed_address(KEY, "bounces.example.org", batch, reader)
    assert len(address.partition("@")[0]) <= 64
    assert callable(changed)
    assert return_path.find_signed(changed(address).encode(), KEY) == ReturnPath(batch, reader)


@given(st.text())
def test_nobody_makes_one_up(text: str) -> None:
    assert return_path.find_signed(text.encode("utf-8", "replace"), KEY) is None


@given(numbers, numbers, st.data())
def test_nothing_in_it_can_be_changed(batch: int, reader: int, data: st.DataObject) -> None:
    local, _, domain = return_path.signed_address(KEY, "bounces.example.org", batch, reader).partition("@")
    place = data.draw(st.integers(0, len(local) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-").filter(lambda c: c != local[place]))
    changed = f"{local[:place]}{other}{local[place + 1 :]}@{domain}"
    assert return_path.find_signed(changed.encode(), KEY) is None


@pytest.mark.parametrize("address", ["", "@", "b-1-2-aaaaaaaaaaaaaaaa@x.example", "b-0-1-aaaaaaaaaaaaaaaa@x.example"])
def test_forgeries(address: str) -> None:
    assert return_path.find_signed(address.encode(), KEY) is None


def test_another_installation_reads_nothing() -> None:
    address = return_path.signed_address(KEY, "bounces.example.org", 1, 2)
    assert return_path.find_signed(address.encode(), return_path.return_path_key("another suppression key")) is None


@given(numbers, st.integers(0, 10**11 - 1).filter(lambda second: second < 253_402_300_799), st.emails())
def test_that_of_a_transactional_mail_names_reader_time_and_address(reader: int, second: int, to: str) -> None:
    at = datetime.fromtimestamp(second, UTC)
    address = return_path.signed_mail_address(KEY, "bounces.example.org", reader, to, at)
    assert len(address.partition("@")[0]) <= 64
    found = return_path.find_signed(address.upper().encode(), KEY)
    assert found == MailReturnPath(reader, second, return_path.address_tag(KEY, to.upper().lower()))
    local = address.partition("@")[0]
    forged = local.replace(f"m-{reader}-", f"m-{reader + 1}-", 1)
    assert return_path.find_signed(forged.encode(), KEY) is None


@pytest.mark.parametrize(
    "around",
    ["<%s>", "rfc822;%s", "SRS0=x=y=bounces.example.org=%s", "prvs=1234=%s", "Return-Path: <%s>\r\n"],
)
def test_it_is_found_wherever_it_stands(around: str) -> None:
    local = return_path.signed_address(KEY, "bounces.example.org", 17, 4).partition("@")[0]
    assert return_path.find_signed((around % local).encode(), KEY) == ReturnPath(17, 4)


def test_a_forged_one_before_it_hides_nothing() -> None:
    forged = return_path.signed_address(return_path.return_path_key("another"), "x.example", 17, 4)
    ours = return_path.signed_address(KEY, "x.example", 17, 5)
    assert return_path.find_signed(f"{forged} {ours}".encode(), KEY) == ReturnPath(17, 5)
