"""Passwords: how long, which not, one spelling, OWASP's cost."""

from __future__ import annotations

import gzip

import pytest

from newsletter.core.errors import InvalidError
from newsletter.staff import passwords

GOOD = "correct horse battery staple"


def test_the_cost_is_owasp_s() -> None:
    assert passwords.hash_password(GOOD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.needs_rehash(passwords.NOBODYS_HASH)


def test_different_keyboards_write_one_password() -> None:
    hashed = passwords.hash_password("Pass\u00e9 compos\u00e9 \ufb01n")
    assert passwords.is_password(hashed, "Passe\u0301 compose\u0301 fin")
    assert not passwords.is_password(hashed, "passé composé fin")


@pytest.mark.parametrize("length", [12, 128])
def test_it_is_never_cut(length: int) -> None:
    password = (GOOD * 5)[:length]
    hashed = passwords.hash_password(password)
    assert passwords.is_password(hashed, password)
    assert not passwords.is_password(hashed, password[:-1])
    assert not passwords.is_password(hashed, f"{password}x")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x" * 11, "password.short"),
        (GOOD * 5, "password.long"),
        ("sdfghjkl;\x00'qwerty", "password.long"),
        ("1q2w3e4r5t6y", "password.common"),
        ("1Q2W3E4R5T6Y", "password.common"),
        ("mara@dispatch.example", "password.common"),
    ],
)
def test_which_are_refused(password: str, code: str) -> None:
    with pytest.raises(InvalidError) as raised:
        passwords.hash_password(password, known_words=("Mara@dispatch.example",))
    assert raised.value.code == code


def test_each_of_the_commonest_is_refused() -> None:
    with gzip.open(passwords.COMMONEST, "rt", encoding="utf-8") as lines:
        listed = [line.rstrip("\n") for line in lines]
    assert len(listed) > 12_000
    assert all(len(each) >= passwords.SHORTEST for each in listed), "shorter ones are refused for their length"
    for each in listed[:: len(listed) // 20]:
        with pytest.raises(InvalidError, match="one of the first"):
            passwords.hash_password(each.upper() if each.upper().casefold() == each else each)


def test_nobody_has_no_password() -> None:
    assert not passwords.is_password(None, "the password of nobody")
    assert not passwords.is_password("no hash", GOOD)
