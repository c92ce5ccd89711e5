"""Transactional mails: the confirmation."""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from jinja2 import UndefinedError

from newsletter.core.tokens import TokenSigner
from newsletter.mail.encoding import Encoder, encode
from newsletter.mail.message import Message, Recipient
from newsletter.mail.transactional_rendering import PLACEHOLDER, compose_mail
from tests.services.rendered_digests import SETTINGS
from tests.unit.test_dkim import is_valid, signer

TOKEN = "InNpZ24i-aGVsbG8_c2lnbmF0dXJl_-"
LINK = f"https://letters.example.org/confirm/{TOKEN}"


def confirmation(**values: int) -> Message:
    return compose_mail(SETTINGS, "confirmation", f"/confirm/{PLACEHOLDER}", values or {"days": 7})


def received(message: Message, token: str, encoder: Encoder = encode) -> EmailMessage:
    wire = encoder(message).render(Recipient(5, "reader@example.org", token))
    assert max(map(len, wire.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    return cast(EmailMessage, email.message_from_bytes(wire, policy=cast(Any, policy.default)))


def parts(mail: EmailMessage) -> list[str]:
    return [part.get_content() for part in mail.iter_parts() if isinstance(part, EmailMessage)]


def test_it_says_what_happens_next() -> None:
    mail = received(confirmation(), TOKEN)
    assert mail["Subject"] == "Confirm your subscription to Dispatch"
    text, html = parts(mail)
    for words in ("7 days", "ignore this email", SETTINGS.mail_postal_address, LINK):
        assert words in text
        assert words in html
    assert f'<a href="{LINK}"' in html
    assert max(len(line) for line in text.splitlines() if LINK not in line) <= 72


def test_it_says_that_a_machine_wrote_it_and_has_no_list_headers() -> None:
    mail = received(confirmation(), TOKEN)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert [name for name in mail if name.startswith("List-")] == []


@pytest.mark.parametrize("encoder", [encode, signer("rsa").encode])
@pytest.mark.parametrize("length", [1, 60, 300])
def test_readers_share_all_but_the_token_which_may_be_long(encoder: Encoder, length: int) -> None:
    tokens = [TokenSigner(("key",), "test").sign("x" * length) for _ in range(2)]
    (one, its_html), (other, _) = (parts(received(confirmation(), token, encoder)) for token in tokens)
    assert confirmation() is confirmation()
    assert one.replace(tokens[0], tokens[1]) == other
    assert f"https://letters.example.org/confirm/{tokens[0]}" in one.splitlines()
    assert f'/confirm/{tokens[0]}"' in its_html
    assert PLACEHOLDER not in one + its_html


@pytest.mark.parametrize("token", ["", "short", "x" * 21, "a token with spaces in it", "x" * 1001, "é" * 30])
def test_without_a_token_nothing_is_sent(token: str) -> None:
    with pytest.raises(ValueError, match="needs a recipient's token"):
        encode(confirmation()).render(Recipient(5, "reader@example.org", token))


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_long_token_is_signed_as_it_stands_on_the_wire(kind: str) -> None:
    reader = Recipient(5, "reader@example.org", TokenSigner(("key",), "test").sign("x" * 200))
    assert is_valid(signer(kind).encode(confirmation()).render(reader), kind)


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        confirmation(hours=7)


def test_a_name_with_markup_stays_text() -> None:
    settings = SETTINGS.__class__(**{**SETTINGS.__dict__, "publication_name": "A & B <i>"})
    mail = compose_mail(settings, "confirmation", f"/confirm/{PLACEHOLDER}", {"days": 7})
    assert mail.subject == "Confirm your subscription to A & B <i>"
    assert "A &amp; B &lt;i&gt;" in mail.html
    assert "<i>" not in mail.html
