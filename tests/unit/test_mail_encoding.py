"""A message on the wire says exactly what was meant, to each recipient, whatever stands in it."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage, MIMEPart
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.tokens import ALPHABET, LENGTH
from newsletter.mail.encoding import encode
from newsletter.mail.message import Recipient
from tests.services.rendered_digests import TOKEN, message

READER = Recipient(17, "reader@example.org", "x" * LENGTH)
tokens = st.text(ALPHABET, min_size=LENGTH, max_size=LENGTH)
bodies = st.lists(
    st.one_of(
        st.text(),
        st.text("ab =.\t", min_size=60, max_size=90),
        st.sampled_from(
            [".", "..", "From ", "\nFrom me", "\n.\n", " \n", "\t", "--=_alternative", "=20", "é" * 30, TOKEN]
        ),
    )
).map("".join)
subjects = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])),
    st.text(" abcü=?.", min_size=70, max_size=200),
    st.sampled_from(["=?utf-8?q?a=0D=0AX?=", " a  b ", "x" * 2000, "a, b; c: <d>", '"quoted"', "Straße 🎉 " * 30]),
).filter(lambda subject: TOKEN not in subject)


def parsed(wire: bytes) -> EmailMessage:
    return cast(EmailMessage, email.message_from_bytes(wire, policy=cast(Any, email.policy.default)))


def on_the_wire(text: str, token: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text).replace(TOKEN, token)


def content(part: MIMEPart | None) -> str:
    assert part is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@settings(deadline=None)
@given(text=bodies, html=bodies, subject=subjects, token=tokens)
def test_what_is_parsed_is_what_was_written(text: str, html: str, subject: str, token: str) -> None:
    wire = encode(message(text=text, html=html, subject=subject)).render(READER._replace(token=token))
    mail = parsed(wire)
    assert mail["Subject"] == subject
    if html:
        assert content(mail.get_body(("plain",))) == on_the_wire(text, token)
        assert content(mail.get_body(("html",))) == on_the_wire(html, token)
    else:
        assert content(mail) in (on_the_wire(text, token), on_the_wire(text + "\n", token))
    assert mail["List-Unsubscribe"] == f"<https://letters.example.org/unsubscribe/{token}>"
    assert not mail.defects


@settings(deadline=None)
@given(text=bodies, html=bodies, subject=subjects, token=tokens)
def test_no_line_is_too_long_or_begins_with_a_dot(text: str, html: str, subject: str, token: str) -> None:
    wire = encode(message(text=text, html=html, subject=subject)).render(READER._replace(token=token))
    assert b"\r" not in wire.replace(b"\r\n", b"")
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert wire.isascii()
    lines = wire.removesuffix(b"\r\n").split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not [line for line in lines if line.startswith(b".")]
    start = lines.index(b"")
    assert not [line for line in lines[start:] if len(line) > 76 or line.startswith(b"From ")]
    assert not [line for line in lines[start:] if line.endswith((b" ", b"\t"))]


def test_the_headers_of_a_letter() -> None:
    mail = parsed(encode(message()).render(READER))
    assert dict(mail.items()) == {
        "Message-ID": mail["Message-ID"],
        "To": "reader@example.org",
        "From": "Dispatch <letters@dispatch.example>",
        "Reply-To": "editors@dispatch.example",
        "Subject": "What follows",
        "Date": "Tue, 24 Nov 2026 06:00:00 +0000",
        "List-ID": "Dispatch <letters.letters.example.org>",
        "List-Unsubscribe": f"<https://letters.example.org/unsubscribe/{READER.token}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/alternative; boundary="=_alternative"',
    }
    assert len(mail.items()) == 11
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_that_nobody_can_leave_has_no_list_headers() -> None:
    mail = parsed(encode(message(text="a", html="b", placeholder="", unsubscribe_url="")).render(READER))
    assert "List-Unsubscribe" not in mail
    assert "List-Unsubscribe-Post" not in mail


def test_a_try_again_has_the_same_message_id_and_another_reader_another() -> None:
    encoded = encode(message())
    first = parsed(encoded.render(READER))["Message-ID"]
    assert parsed(encode(message()).render(READER))["Message-ID"] == first
    assert re.fullmatch(r"<[0-9a-f]{32}@letters\.example\.org>", first)
    assert parsed(encoded.render(READER._replace(id=18)))["Message-ID"] != first


def test_any_length_of_the_site_s_address_keeps_the_token_whole() -> None:
    for length in range(1, 120):
        url = f"https://{'h' * length}.example/unsubscribe/{TOKEN}"
        wire = encode(message(html=f'<a href="{url}">', unsubscribe_url=url)).render(READER)
        assert f'<a href="{url}">'.replace(TOKEN, READER.token) == content(parsed(wire).get_body(("html",)))
        assert wire.count(READER.token.encode()) == 3
        body = wire.partition(b"\r\n\r\n")[2]
        assert max(map(len, body.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "a\r\nBcc: everyone@example.org"},
        {"subject": "a\nb"},
        {"subject": "a\u2028b"},
        {"subject": "a\x00b"},
        {"sender_name": "D\r\nX: y"},
        {"sender": "a@example.org\r\nX: y"},
        {"reply_to": "a@example.org>, <b@example.org"},
        {"unsubscribe_url": f"https://example.org/{TOKEN}>\r\nX: y"},
        {"unsubscribe_url": f"https://example.org/{'u' * 1000}{TOKEN}"},
        {"headers": (("X-A", "b\r\nX: y"),)},
        {"headers": (("X-A\r\nX", "y"),)},
        {"headers": (("X-A", "b" * 1000),)},
        {"placeholder": "not a token"},
        {"subject": f"a {TOKEN}"},
    ],
)
def test_what_would_break_a_header_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"header|address|placeholder|control"):
        encode(message(**changes))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org, b@example.org",
        "<a@example.org>",
        "a b@c.de",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="mail address") as error:
        encode(message()).render(READER._replace(address=address))
    assert not address or address not in str(error.value)


def test_a_recipient_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        encode(message()).render(READER._replace(token=""))


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("o'neil+news@example.org", "o'neil+news@example.org"),
        ("reader@bücher.example", "reader@xn--bcher-kva.example"),
        ("grüße@bücher.example", "grüße@xn--bcher-kva.example"),
    ],
)
def test_international_addresses(address: str, header: str) -> None:
    wire = encode(message()).render(READER._replace(address=address))
    assert f"\r\nTo: {header}\r\n".encode() in wire


@pytest.mark.parametrize("name", ["Dispatch", "The A.I. Dispatch, Inc.", 'The "Dispatch"', "Die Überschrift"])
def test_the_publication_s_name(name: str) -> None:
    mail = parsed(encode(message(sender_name=name)).render(READER))
    assert mail["From"].addresses[0].display_name == name
    assert mail["From"].addresses[0].addr_spec == "letters@dispatch.example"
