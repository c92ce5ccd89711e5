"""Checks of a raw message: a mail of ours passes, and whatever we promise not to do is found in one that does it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.core import public_paths
from newsletter.digests.rendering import render_digest, to_message
from newsletter.mail.campaign_parameters import campaign_parameters
from newsletter.mail.encoding import encode
from newsletter.mail.message import Message, Recipient
from newsletter.mail.message_checks import MessageChecks, check_message
from newsletter.mail.public_copy import LEFT_OUT, public_copy
from tests.services.rendered_digests import DAY, MOMENT, SALT, SETTINGS, TOKEN, Content, hostile_revisions

ALLOWED = tuple(SETTINGS.url(path(LEFT_OUT)) for path in (public_paths.preferences, public_paths.unsubscribing))


def message(format: str = "html", content: Content | None = None) -> Message:  # noqa: A002 - the column's name
    rendered = render_digest(content or Content(), SETTINGS, day=DAY)
    return to_message(rendered, rendered.full_mask, format, SETTINGS, id_salt=SALT, date=MOMENT)


def checks_of(html: str = "", text: str = "") -> MessageChecks:
    """The checks of a mail of ours with `html` and `text` added."""
    mail = message()
    mail = replace(mail, html=mail.html.replace("</body>", f"{html}</body>"), text=f"{mail.text}\n{text}\n")
    return check_message(public_copy(mail), ALLOWED)


@pytest.mark.parametrize("format", ["html", "text"])
def test_a_letter_of_ours_keeps_what_we_promise(format: str) -> None:  # noqa: A002 - the column's name
    checks = check_message(public_copy(message(format)), ALLOWED)
    assert checks.is_clean, checks
    assert checks.links >= 4


def test_stories_that_mean_harm_bring_nothing_into_the_mail() -> None:
    checks = check_message(public_copy(message(content=Content(revisions=hostile_revisions()))), ALLOWED)
    assert checks.remote_resources == ()
    assert checks.personal_addresses == ()


def test_the_copy_is_what_a_recipient_got_but_for_what_is_left_out() -> None:
    mail = message()
    recipient = Recipient(7, "reader@example.org", TOKEN)
    sent = encode(mail).render(recipient)
    copy = public_copy(mail)
    for own in (mail.message_id(recipient).encode(), b"reader@example.org", TOKEN.encode(), mail.placeholder.encode()):
        assert own not in copy
    own_lines = f"Message-ID: <{mail.message_id(recipient)}>\r\nTo: reader@example.org\r\n".encode()
    assert sent.startswith(own_lines)
    sent_rest = sent.removeprefix(own_lines).replace(TOKEN.encode(), LEFT_OUT.encode())
    assert copy == b"Message-ID: (left out)\r\nTo: (left out)\r\n" + sent_rest


def test_an_address_that_is_none_of_the_web_is_found() -> None:
    checks = checks_of('<a href="JavaScript:alert(1)">a</a><a href="/here">b</a><a href="mailto:a@example.org">c</a>')
    assert checks.other_addresses == ("JavaScript:alert(1)", "/here")
    assert not checks.is_clean


@pytest.mark.parametrize(
    ("html", "place"),
    [
        ('<img src="https://t.example/pixel.gif">', "<img src>"),
        ('<link rel="stylesheet" href="https://t.example/a.css">', "<link href>"),
        ('<td background="//t.example/a.png">', "<td background>"),
        ("<style>@font-face { src: url(https://t.example/f.woff) }</style>", "<style>"),
        ('<p style="background:URL( https://t.example/a.png)">', "<p style>"),
        ('<!--[if mso]><v:fill src="https://t.example/a.png"/><![endif]-->', "<v:fill src>"),
        ('<meta http-equiv="Refresh" content="0; url=https://t.example/">', "<meta http-equiv>"),
    ],
)
def test_what_a_mail_program_would_fetch_is_found(html: str, place: str) -> None:
    assert checks_of(html).remote_resources == (place,)


def test_an_image_that_the_mail_carries_itself_is_no_remote_one() -> None:
    assert checks_of('<img src="cid:mark"><img src="data:image/png;base64,AA==">').is_clean


@pytest.mark.parametrize(
    "address",
    [
        "https://bit.ly/3abc",
        "https://u123.ct.sendgrid.net/ls/click",
        "https://example.org/out?url=https%3A%2F%2Fother.example%2F",
        "https://example.org/out?x=1&amp;to=//other.example/",
    ],
)
def test_redirects_are_found_in_html_and_text(address: str) -> None:
    plain = address.replace("&amp;", "&")
    assert checks_of(f'<a href="{address}">Read</a>').redirects == (plain,)
    assert checks_of(text=f"See {plain}.").redirects == (plain,)


def test_a_link_that_names_another_host_than_its_own_is_found() -> None:
    assert checks_of('<a href="https://evil.example/">https://bank.example/login</a>').redirects == (
        "https://evil.example/",
    )
    assert checks_of('<a href="https://www.bank.example/x">https://bank.example</a>').is_clean
    assert checks_of('<a href="https://dispatch.example/">Node.js</a>').is_clean


def test_addresses_with_a_token_are_found_but_for_the_two_allowed_ones() -> None:
    mail = message()
    personal = f"https://letters.example.org/read/{mail.placeholder}"
    mail = replace(mail, html=mail.html.replace("</body>", f'<a href="{personal}">Read</a></body>'))
    found = f"https://letters.example.org/read/{LEFT_OUT}"
    assert check_message(public_copy(mail), ALLOWED).personal_addresses == (found,)
    assert set(check_message(public_copy(mail), ()).personal_addresses) == {found, *ALLOWED}


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("https://a.example/?utm_source=mail&amp;x=1", ("utm_source",)),
        ("https://a.example/?FBCLID=1", ("FBCLID",)),
        ("https://a.example/#mtm_campaign=weekly", ("mtm_campaign",)),
        ("https://a.example/?nutm_source=1&amp;u=2", ()),
    ],
)
def test_campaign_parameters(address: str, names: tuple[str, ...]) -> None:
    assert checks_of(f'<a href="{address}">Read</a>').campaign_parameters == names


def test_an_address_that_is_none_has_no_parameters() -> None:
    assert campaign_parameters("https://[") == []
    assert checks_of('<a href="https://[">Read</a>').redirects == ()
