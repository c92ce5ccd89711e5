"""Signed return paths: they come back as they were sent, in whatever case, and nobody can make one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail import return_path
from newsletter.mail.return_path import ReturnPath

KEY = return_path.return_path_key("a suppression key for the tests")
numbers = st.integers(1, 2**63 - 1)


@given(numbers, numbers, st.sampled_from([str.lower, str.upper, str.title, lambda text: f" {text}\n"]))
def test_it_comes_back(batch: int, reader: int, changed: object) -> None:
    address = return_path.signed_address(KEY, "bounces.example.org", batch, reader)
    assert len(address.partition("@")[0]) <= 64
    assert callable(changed)
    assert return_path.read_signed_address(changed(address), KEY) == ReturnPath(batch, reader)


@given(st.text())
def test_nobody_makes_one_up(text: str) -> None:
    assert return_path.read_signed_address(text, KEY) is None


@given(numbers, numbers, st.data())
def test_nothing_in_it_can_be_changed(batch: int, reader: int, data: st.DataObject) -> None:
    local, _, domain = return_path.signed_address(KEY, "bounces.example.org", batch, reader).partition("@")
    place = data.draw(st.integers(0, len(local) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-").filter(lambda c: c != local[place]))
    assert return_path.read_signed_address(f"{local[:place]}{other}{local[place + 1 :]}@{domain}", KEY) is None


@pytest.mark.parametrize("address", ["", "@", "b-1-2-aaaaaaaaaaaaaaaa@x.example", "b-0-1-aaaaaaaaaaaaaaaa@x.example"])
def test_forgeries(address: str) -> None:
    assert return_path.read_signed_address(address, KEY) is None


def test_another_installation_reads_nothing() -> None:
    address = return_path.signed_address(KEY, "bounces.example.org", 1, 2)
    assert return_path.read_signed_address(address, return_path.return_path_key("another suppression key")) is None
