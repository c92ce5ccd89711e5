"""Transactional mails: the confirmation."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from newsletter.core import clock
from newsletter.mail.encoding import encode
from newsletter.mail.message import Message, Recipient
from newsletter.mail.transactional_rendering import compose_mail
from tests.services.rendered_digests import MOMENT, SALT, SETTINGS

LINK = "https://letters.example.org/confirm/InNpZ24i.aGVsbG8.c2lnbmF0dXJl_-"


def confirmation() -> Message:
    with clock.set_to(MOMENT):
        return compose_mail(SETTINGS, "confirmation", {"link": LINK, "days": 7}, mail_id=5, id_salt=SALT)


def test_it_says_what_happens_next() -> None:
    mail = confirmation()
    assert mail.subject == "Confirm your subscription to Dispatch"
    for words in ("7 days", "ignore this email", SETTINGS.mail_postal_address, LINK):
        assert words in mail.text
        assert words in mail.html
    assert f'<a href="{LINK}"' in mail.html
    assert max(len(line) for line in mail.text.splitlines() if LINK not in line) <= 72


def test_it_says_that_a_machine_wrote_it_and_has_no_list_headers() -> None:
    mail = confirmation()
    wire = encode(mail).render(Recipient(5, "reader@example.org")).decode()
    assert "\r\nAuto-Submitted: auto-generated\r\n" in wire
    assert "List-" not in wire
    assert mail.reference == (("mail", "5"),)
    assert mail.date == MOMENT


def test_a_forgotten_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        compose_mail(SETTINGS, "confirmation", {"days": 7}, mail_id=5, id_salt=SALT)


def test_a_name_with_markup_stays_text() -> None:
    settings = SETTINGS.__class__(**{**SETTINGS.__dict__, "publication_name": "A & B <i>"})
    mail = compose_mail(settings, "confirmation", {"link": LINK, "days": 7}, mail_id=5, id_salt=SALT)
    assert mail.subject == "Confirm your subscription to A & B <i>"
    assert "A &amp; B &lt;i&gt;" in mail.html
    assert "<i>" not in mail.html
