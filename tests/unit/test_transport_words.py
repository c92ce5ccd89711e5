"""Settings that are given and reasons that are returned: no password and no address is shown."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.errors import ConfigurationError
from newsletter.mail.transports.redaction import HIDDEN, LONGEST, redact
from newsletter.mail.transports.smtp_url import MailServer, Tls, read_url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://relay.example", MailServer("relay.example", 25, Tls.OFFERED)),
        ("smtp://relay.example/", MailServer("relay.example", 25, Tls.OFFERED)),
        ("smtp://relay.example:2525?starttls=never", MailServer("relay.example", 2525, Tls.NEVER)),
        ("smtp://relay.example?starttls=required", MailServer("relay.example", 25, Tls.REQUIRED)),
        ("smtp://relay.example?pipelining=never", MailServer("relay.example", 25, Tls.OFFERED, pipelining=False)),
        ("smtp://u:p@relay.example", MailServer("relay.example", 587, Tls.REQUIRED, "u", "p")),
        ("smtp://u:p@relay.example?starttls=never", MailServer("relay.example", 587, Tls.NEVER, "u", "p")),
        ("smtps://a%40b:p%3A%2F%25@[::1]", MailServer("::1", 465, Tls.IMPLICIT, "a@b", "p:/%")),
        ("smtps://relay.example:4650", MailServer("relay.example", 4650, Tls.IMPLICIT)),
    ],
)
def test_a_url_says_where_how_and_who(url: str, server: MailServer) -> None:
    assert read_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relay.example",
        "http://u:secret@relay.example",
        "smtp://",
        "smtp://u:secret@relay.example:port",
        "smtp://u:secret@relay.example:99999",
        "smtp://u:sec/ret@relay.example",
        "smtp://u:secret@relay.example/path",
        "smtp://u:secret@relay.example#top",
        "smtp://secret@relay.example",
        "smtp://:secret@relay.example",
        "smtp://u:secr%C3%A9t@relay.example",
        "smtp://u:secret@relay.example?starttls=perhaps",
        "smtp://u:secret@relay.example?starttls=",
        "smtp://u:secret@relay.example?tls=1",
        "smtp://u:secret@relay.example?pipelining=perhaps",
        "smtps://u:secret@relay.example?starttls=required",
        "smtp://u:secret@[::1",
    ],
)
def test_a_url_that_is_wrong_is_named_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^SMTP_URL is not valid: .*\.$") as caught:
        read_url(url)
    assert "sec" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.text())
def test_any_text_is_a_url_or_a_configuration_error(text: str) -> None:
    for url in (text, f"smtp://{text}"):
        with suppress(ConfigurationError):
            read_url(url)


def test_a_password_is_not_part_of_what_is_printed() -> None:
    assert "hidden" not in repr(read_url("smtp://u:hidden@relay.example"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("550 5.1.1 <jane.doe@example.org>: Recipient rejected", f"550 5.1.1 <{HIDDEN}>: Recipient rejected"),
        ("user jane.doe unknown, JANE.DOE@EXAMPLE.ORG", f"user … unknown, {HIDDEN}"),
        ("see https://x.example/?rcpt=jane.doe%40example.org", f"see https:{HIDDEN}"),
        ('"jane doe"@example.org is "odd"', f'{HIDDEN} is "odd"'),
        ("bounce+jane.doe=example.org@relay.example", HIDDEN),
        ("line one\r\n\tline\x00two", "line one line two"),
        ("jörg@bücher.example fails", f"{HIDDEN} fails"),
        ("nothing to hide", "nothing to hide"),
        ("", ""),
    ],
)
def test_addresses_are_taken_out(text: str, kept: str) -> None:
    assert redact(text, "jane.doe@example.org") == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("550 5.1.1 user jdoe unknown", "550 5.1.1 user … unknown"),
        ("550 user ada.lovelace unknown", "550 user … unknown"),
        ("550 Dr. Ada K. Lovelace-Byron is away", "550 … is away"),
        ("550 Unknown user: jdoe", "550 Unknown user: …"),
        ('550 5.1.1 unknown user "jdoe"', '550 5.1.1 unknown user "…"'),
        ("550 User unknown", "550 User unknown"),
        ("550 5.1.1 Jane Doe: mailbox does not exist", "550 5.1.1 …: mailbox does not exist"),
        ("The mailbox of Doe, Jane is full", "The mailbox of …, … is full"),
        ("jane-doe has left; Jane and DOE too", "…-… has left; … and … too"),
        ("janedoe and jane doe and j.doe", "… and … and j.…"),
        ("550 account 48123 is closed", "550 account … is closed"),
        ("Customer number 4711 left", "Customer number … left"),
        ("call +49 170 1234567 or (030) 123-4567", "call … or …"),
        ("552 relay quota of 500 a day", "552 relay quota of 500 a day"),
        ("550 5.4.5 Daily user sending limit exceeded", "550 5.4.5 Daily user sending limit exceeded"),
        ("554 5.7.1 Client host [192.0.2.25] blocked using zen.example.net", None),
        ("550-5.1.1 The account does not exist", None),
        ("452 4.2.2 The recipient inbox is out of storage space", None),
        ("550 Recipient address rejected: User unknown in virtual mailbox table", None),
        ("421 4.7.0 Try again later, closing connection", None),
        ("550 Requested action not taken: mailbox unavailable", None),
        ("550 5.7.1 Relaying denied", None),
        ("550 Empfänger unbekannt", None),
    ],
)
def test_people_are_taken_out(text: str, kept: str | None) -> None:
    assert redact(text, "jane.doe@example.org") == (text if kept is None else kept)


@pytest.mark.parametrize(
    "word", ["ada_lovelace", "alovelace", "/home/alovelace/Maildir", "LOVELACE1815", "x.lovelaces"]
)
def test_a_long_piece_of_a_local_part_is_found_inside_of_words(word: str) -> None:
    kept = redact(f"550 {word}: mailbox full", "ada.lovelace@example.org")
    assert "lovelace" not in kept.lower()
    assert kept.endswith("mailbox full")


@given(st.text(max_size=300), st.text(max_size=30))
def test_any_text_can_be_redacted(text: str, address: str) -> None:
    kept = redact(text, address)
    assert len(kept) <= LONGEST
    assert kept.isprintable()


ADDRESSES = st.from_regex(r"[a-z0-9._+]{3,12}@[a-z0-9]{1,8}\.(org|example)", fullmatch=True)


@given(st.lists(st.text(max_size=40), max_size=4), ADDRESSES, st.integers(0, 60))
def test_no_surroundings_let_an_address_through(words: list[str], address: str, padding: int) -> None:
    for known in ("", address):
        kept = redact(f"{'x ' * padding * 40}{address}".join(["", *words, ""]), known)
        assert address not in kept
        assert len(kept) <= LONGEST
        assert kept.isprintable()
