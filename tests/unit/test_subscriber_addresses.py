"""Addresses: what is taken, what is the same, what is shown."""

from __future__ import annotations

import email
import unicodedata
from contextlib import suppress
from email.policy import SMTPUTF8

import pytest
from email_validator import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.errors import InvalidError
from newsletter.core.ids import AddressKey
from newsletter.core.plain_addresses import normalise_plain
from newsletter.mail.encoding import encode
from newsletter.mail.message import Recipient
from newsletter.subscribers import addresses
from tests.services.rendered_digests import TOKEN, message

ATEXT = "abcXYZ019!#$%&'*+/=?^_`{|}~-."


@pytest.mark.parametrize(
    ("typed", "stored", "key"),
    [
        ("ada@example.org", "ada@example.org", "ada@example.org"),
        ("  Ada.L@Example.ORG \n", "Ada.L@example.org", "ada.l@example.org"),
        ("ada+news@example.org", "ada+news@example.org", "ada+news@example.org"),
        ("info@Bücher.example", "info@xn--bcher-kva.example", "info@xn--bcher-kva.example"),
        ("ADA@xn--bcher-kva.example", "ADA@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("Jürgen@example.org", "Jürgen@example.org", "jürgen@example.org"),
        ("Ju\u0308rgen@example.org", "Jürgen@example.org", "jürgen@example.org"),
        ("postmaster@example.org", "postmaster@example.org", "postmaster@example.org"),
        ("Jane.\u017fmith@example.org", "Jane.\u017fmith@example.org", "jane.\u017fmith@example.org"),
        ("WEI\u1e9e@example.org", "WEI\u1e9e@example.org", "weiß@example.org"),
        ("Weiss@example.org", "Weiss@example.org", "weiss@example.org"),
    ],
)
def test_normalise_and_key(typed: str, stored: str, key: str) -> None:
    assert addresses.normalise(typed) == stored
    assert addresses.identity_key(stored) == key
    assert addresses.identity_key(typed.strip()) == key


@pytest.mark.parametrize(
    "typed",
    [
        "ada",
        "ada@",
        "@example.org",
        "ada@localhost",
        "ada@example",
        "ada@site.test",
        "ada@site.TEST",
        "a@b@example.org",
        "ada @example.org",
        "ada@example.org\nBcc: eve@example.org",
        "ada@example.org\x00",
        "ada@[127.0.0.1]",
        '"ada lovelace"@example.org',
        "Ada <ada@example.org>",
        "ada@exa_mple.org",
        "ada@-example.org",
        ".ada@example.org",
        "a..b@example.org",
        "ada@example..org",
        "x" * 65 + "@example.org",
        "ada@" + "x" * 64 + ".org",
        "ada@" + "x." * 130 + "org",
        "ada@xn--\u00fc.org",
        "\ud800@example.org",
        "J\ufffdrg@example.org",
        "ada@\ufffd.org",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(InvalidError) as caught:
        addresses.normalise(typed)
    assert str(caught.value) == addresses.WRONG


def test_letters_that_fold_to_ascii_ones_are_kept_as_those() -> None:
    assert addresses.normalise("ada@\u212a.or\u017f") == "ada@k.ors"


def test_an_empty_field_is_told_apart() -> None:
    with pytest.raises(InvalidError, match="Enter your email address"):
        addresses.normalise(" \t")


@given(st.text(st.sampled_from(ATEXT), max_size=70), st.text(st.sampled_from("aZ0-.x"), max_size=70))
def test_the_fast_way_takes_nothing_that_the_validator_refuses(local: str, domain: str) -> None:
    text = f"{local}@{domain}.org"
    if (plain := normalise_plain(text)) is not None:
        assert plain == validate_email(text, check_deliverability=False).normalized


@given(st.text())
def test_hostile_text_is_one_address_or_one_sentence(text: str) -> None:
    try:
        stored = addresses.normalise(text)
    except InvalidError:
        return
    assert stored.count("@") == 1
    assert not any(c.isspace() or ord(c) < 32 for c in stored)
    assert addresses.normalise(stored) == stored
    assert addresses.identity_key(stored) == addresses.identity_key(addresses.identity_key(stored))


LOCAL = st.one_of(
    st.text(st.sampled_from(ATEXT), min_size=1), st.text(st.characters(categories=["L", "M", "N"]), min_size=1)
)
LABEL = st.one_of(
    st.text(st.sampled_from("abzAZ019-"), min_size=1, max_size=63),
    st.text(st.characters(categories=["Ll", "Lo", "Lu", "Mn", "Nd"]), min_size=1, max_size=20),
    st.sampled_from(["bücher", "xn--bcher-kva", "faß", "ὀδυσσεύς", "例え", "İ", "xn--", "a--b", "ﬁ"]),
)
ADDRESS = st.builds("{}@{}.{}".format, LOCAL, LABEL, st.one_of(st.sampled_from(["org", "ORG", "рф", "example"]), LABEL))


@given(ADDRESS)
@settings(deadline=None)
def test_an_accepted_address_can_be_mailed_and_stays_one_address(text: str) -> None:
    with suppress(InvalidError):
        stored = addresses.normalise(text)
        assert addresses.normalise(stored) == stored
        assert addresses.normalise(f" {text}\r\n") == stored
        assert (
            addresses.identity_key(stored)
            == addresses.identity_key(text)
            == addresses.identity_key(addresses.identity_key(stored))
        )
        wire = encode(message()).render(Recipient(1, stored, TOKEN))
        (to,) = email.message_from_string(wire.decode(), policy=SMTPUTF8)["To"].addresses
        assert to.addr_spec == stored
        assert addresses.mask(stored)[1:4] == "•••"


@given(st.text())
def test_a_key_of_anything_is_a_key_or_a_sentence(text: str) -> None:
    with suppress(InvalidError):
        assert "@" in addresses.identity_key(text)


def test_a_masked_address_shows_a_letter_and_the_domain() -> None:
    assert addresses.mask("ada@example.org") == "a•••@example.org"
    assert addresses.mask("info@xn--bcher-kva.example") == "i•••@bücher.example"
    assert addresses.mask("info@xn--zzzzzz9999.example") == "i•••@xn--zzzzzz9999.example"


@pytest.mark.parametrize("key", ["ada@example.org", "jürgen@example.org"])
def test_most_identities_are_what_they_were(key: str) -> None:
    assert addresses.former_key(AddressKey(key)) == key


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1))
def test_the_former_identity_can_be_told_from_the_present_one(local: str) -> None:
    """Both on the address as it is stored, which is in NFC."""
    local = unicodedata.normalize("NFC", local)
    folded = unicodedata.normalize("NFC", local.casefold())
    assert addresses.former_key(addresses.identity_key(f"{local}@example.org")) == f"{folded}@example.org"


@pytest.mark.parametrize("text", ["é" * 1_000_000 + "@example.org", "ada@" + "é" * 1_000_000, "ada@" + "a." * 500_000])
def test_a_megabyte_is_refused_before_it_is_looked_at(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idna.encode", lambda *_args, **_more: pytest.fail("it was looked at"))
    for read in (addresses.identity_key, addresses.normalise):
        with pytest.raises(InvalidError):
            read(text)
