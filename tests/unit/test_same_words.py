"""Answers that differ in what differs from mail to mail are the same; others are not."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.failures.comparable_answers import same_words

ANSWER = "550-5.7.1 [{ip}] Mail for {address} refused by {host} at {when}, too much today ({id})"


@pytest.mark.parametrize(
    ("ip", "address", "host", "when", "queue_id"),
    [
        ("198.51.100.7", "bo@example.net", "mx2.example.net", "Tue, 5 Jun 2026 01:02:03 GMT", "9AA0BB1CC"),
        ("2001:db8::17", "<eve+x@example.com>", "a.b.example", "2026-06-05T01:02:03Z", "1uAbCd-000000005Xy-2abc"),
        ("203.0.113.9", "…@…", "MX.EXAMPLE.ORG", "05/06/26 1:02", "a1b2c3-20020a05622a"),
        ("192.0.2.1", '"bo b"@example.net', "mx.example.net:25", "Jun  5 01:02:03", "4XyZbC1mQz"),
    ],
)
def test_what_differs_from_mail_to_mail_is_left_out(ip: str, address: str, host: str, when: str, queue_id: str) -> None:
    usual = ANSWER.format(
        ip="192.0.2.25",
        address="ada@example.org",
        host="mx.example.org",
        when="Mon, 4 May 2026 10:11:12 +0200",
        id="77F",
    )
    other = ANSWER.format(ip=ip, address=address, host=host, when=when, id=queue_id)
    assert same_words(usual) == "mail for refused by at too much today"
    assert same_words(other) == same_words(usual)


def test_other_words_are_other_words() -> None:
    assert same_words("550 5.4.5 Daily user sending limit exceeded") != same_words("550 5.7.1 Relaying denied")
    assert same_words("550 You may not send") == "you may not send"


@given(st.text(string.ascii_letters + " ,;-", max_size=300))
def test_answers_in_capitals_say_the_same(text: str) -> None:
    assert same_words(text.lower()) == same_words(text.upper())


def test_capitals_inside_a_word_part_it() -> None:
    assert same_words("550 MailboxFull") == same_words("550 Mailbox full") != same_words("550 mailboxfull")


@given(st.text(max_size=300))
def test_any_text_can_be_compared(text: str) -> None:
    assert "@" not in same_words(text)
    assert not any(character.isdigit() for character in same_words(text))
