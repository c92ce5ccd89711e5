"""DKIM signatures, judged by another implementation (dkimpy)."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.config import Settings, from_environment
from newsletter.core.errors import ConfigurationError
from newsletter.mail.dkim import SIGNED, DkimSigner, canonical_body, canonical_fields
from newsletter.mail.encoding import encode
from newsletter.mail.outcomes import SendResult
from newsletter.mail.transports import open_transport
from newsletter.mail.transports.smtp import SmtpTransport
from tests.contract.test_transports import message, readers
from tests.services.rendered_digests import HOSTILE
from tests.services.smtp_sink import SmtpSink

Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, Key] = {"rsa": RSA, "ed25519": ED25519}
(READER,) = readers(1)


def pem(key: Key, encryption: KeySerializationEncryption | None = None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


def dns(kind: str) -> Callable[..., bytes]:
    """The record that the publication puts into the DNS."""
    if kind == "rsa":
        public = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        public = ED25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    record = b"v=DKIM1; k=%b; p=%b" % (kind.encode(), base64.b64encode(public))
    return lambda name, timeout=5: record if name == b"letters._domainkey.dispatch.example." else b""


def signer(kind: str) -> DkimSigner:
    return DkimSigner("dispatch.example", "letters", pem(KEYS[kind]))


def signed_fields(mail: bytes) -> list[str]:
    """What the tag "h" of a mail's signature names."""
    found = re.search(rb"h=([^;]+);", mail)
    assert found is not None
    return re.sub(r"\s", "", found[1].decode()).split(":")


def is_valid(mail: bytes, kind: str) -> bool:
    return bool(dkim.verify(mail, dnsfunc=dns(kind)))


@pytest.mark.parametrize("kind", KEYS)
def test_a_mail_is_signed_for_each_recipient(kind: str) -> None:
    signed = signer(kind).encode(message())

    mails = [signed.render(reader) for reader in readers(3)]

    assert [is_valid(mail, kind) for mail in mails] == [True] * 3
    assert len({re.search(rb"bh=(\S+);", mail).group(1) for mail in mails}) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_an_editor_writes_can_be_signed(kind: str, text: str) -> None:
    subject = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    mail = message(subject=subject, text=f"{text}\n{message().text}", html=f"{message().html}<p>{text}</p>")

    assert is_valid(signer(kind).encode(mail).render(READER), kind)


def test_a_single_mail_is_signed_too() -> None:
    single = message(text="Your link\n", html="", placeholder="", unsubscribe_url="", headers=(), reply_to="")

    mail = signer("ed25519").encode(single).render(READER._replace(token=""))

    assert is_valid(mail, "ed25519")
    assert signed_fields(mail)[:7] == ["from", "to", "subject", "date", "message-id", "mime-version", "content-type"]


@pytest.mark.parametrize("single", [False, True])
def test_no_field_that_matters_can_be_added(single: bool) -> None:
    """Each is named once more than it stands, also the ones that are not there."""
    letter = message(html="", headers=()) if single else message()
    mail = signer("rsa").encode(letter).render(READER)
    fields = Counter(name.lower().decode() for name in re.findall(rb"^([!-9;-~]+):", mail.split(b"\r\n\r\n")[0], re.M))
    assert Counter(signed_fields(mail)) == {name: fields[name] + 1 for name in SIGNED}
    assert {"cc", "content-transfer-encoding"} <= set(SIGNED)
    for name in SIGNED:
        added = f"{name}: base64\r\n".encode()
        assert not is_valid(added + mail, "rsa"), name
        assert not is_valid(mail.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n", 1), "rsa"), name


def test_the_signature_stands_before_the_mail_and_changes_nothing_else() -> None:
    signed, plain = signer("rsa").encode(message()).render(READER), encode(message()).render(READER)

    assert signed.endswith(b"\r\n" + plain)
    field = signed[: -len(plain)]
    assert field.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;")
    assert all(len(line) <= 150 and not line.startswith(b".") for line in field.split(b"\r\n"))


def test_every_field_that_matters_is_covered() -> None:
    mail = signer("rsa").encode(message()).render(READER)
    head = mail.partition(b"\r\n\r\n")[0]

    there = [name for name in SIGNED if re.search(rb"^%b:" % name.encode(), head, re.I | re.M)]
    assert set(SIGNED) - set(there) == {"cc", "content-transfer-encoding"}
    for name in there:
        tampered = re.sub(rb"(?im)^(%b: *)(\S)" % name.encode(), rb"\1x\2", head, count=1) + mail[len(head) :]
        assert tampered != mail
        assert not is_valid(tampered, "rsa"), name


@pytest.mark.parametrize(
    "tamper",
    [
        lambda mail: mail.replace(READER.token.encode(), b"TokenOfSomebodyElse000"),
        lambda mail: mail.replace(b"\r\n\r\n", b"\r\n\r\nBuy this\r\n", 1),
        lambda mail: mail + b"Buy this\r\n",
        lambda mail: b"From: somebody@else.example\r\n" + mail,
        lambda mail: mail.replace(b"d=dispatch.example", b"d=else.example"),
        lambda mail: mail.replace(b"List-Unsubscribe-Post", b"X-List-Unsubscribe-Post"),
    ],
)
@pytest.mark.parametrize("kind", KEYS)
def test_what_was_changed_on_the_way_is_noticed(kind: str, tamper: Callable[[bytes], bytes]) -> None:
    mail = signer(kind).encode(message()).render(READER)
    tampered = tamper(mail)

    assert tampered != mail
    assert not is_valid(tampered, kind)


def test_what_mail_servers_change_harmlessly_is_not_noticed() -> None:
    mail = signer("rsa").encode(message()).render(READER)
    head, _, body = mail.partition(b"\r\n\r\n")
    refolded = head.replace(b"Subject: ", b"SUBJECT:\t ").replace(b"List-ID: Dispatch <", b"List-ID: Dispatch\r\n  <")

    assert refolded != head
    assert is_valid(b"Received: by mail.example\r\n" + refolded + b"\r\n\r\n" + body + b"\r\n\r\n", "rsa")


@given(st.text(alphabet="ab \t.\r\n=", max_size=60))
def test_bodies_are_canonicalised_as_others_do_it(text: str) -> None:
    body = (re.sub(r"\r\n|\r|\n", "\n", text).replace("\n", "\r\n") + "\r\n").encode()

    assert canonical_body(body) == (Relaxed.canonicalize_body(body) if body.strip(b" \t\r\n") else b"")


@given(st.text(alphabet="aB \t:.", min_size=1, max_size=40), st.sampled_from(["", "\r\n ", "\r\n\t"]))
def test_fields_are_canonicalised_as_others_do_it(value: str, fold: str) -> None:
    value = f"x{value}{fold}{value}x"
    ((name, expected),) = Relaxed.canonicalize_headers([(b"SubJect", f" {value}\r\n".encode())])

    assert canonical_fields(f"SubJect: {value}\r\n".encode()) == {"subject": name + b":" + expected}


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("no key", "not a private key"),
        (pem(RSA)[:-100], "not a private key"),
        (pem(RSA, BestAvailableEncryption(b"secret")), "without a password"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither an RSA nor an Ed25519 key"),
    ],
)
@pytest.mark.parametrize("transport", ["smtp", "maildir"])
def test_a_wrong_key_stops_the_start_and_is_named(transport: str, key: str, why: str) -> None:
    settings = replace(
        Settings(),
        mail_transport=transport,
        smtp_url="smtp://127.0.0.1:1",
        dkim_domain="dispatch.example",
        dkim_selector="letters",
        dkim_key=key,
    )

    with pytest.raises(ConfigurationError, match="^DKIM_KEY .*" + why) as caught:
        open_transport(settings)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_key_that_nobody_accepts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.mail.dkim.SMALLEST_RSA", 4096)

    with pytest.raises(ConfigurationError, match="DKIM_KEY has 2048 bits"):
        signer("rsa")


def test_a_key_may_stand_on_one_line() -> None:
    one_line = pem(ED25519).replace("\n", "\\n")

    assert is_valid(DkimSigner("dispatch.example", "letters", one_line).encode(message()).render(READER), "ed25519")


def test_the_key_can_stand_in_a_file_and_signs_what_smtp_and_maildir_send(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(pem(RSA))
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("DKIM_DOMAIN", "dispatch.example")
    monkeypatch.setenv("DKIM_SELECTOR", "letters")
    monkeypatch.setenv("DKIM_KEY_FILE", str(tmp_path / "key.pem"))
    settings = from_environment()
    with SmtpSink() as sink:
        for chosen in (settings, replace(settings, mail_transport="smtp", smtp_url=sink.url)):
            transport = open_transport(chosen)
            transport.send(message(), [READER], SendResult(1))
            transport.close()

    mails = [path.read_bytes() for path in (tmp_path / "var" / "mail" / "new").iterdir()] + [sink.mails[0].content]
    assert [is_valid(mail, "rsa") for mail in mails] == [True, True]


def test_without_a_key_nothing_is_signed() -> None:
    with SmtpSink() as sink:
        transport = SmtpTransport(sink.url)
        transport.send(message(), [READER], SendResult(1))
        transport.close()

    assert b"DKIM-Signature" not in sink.mails[0].content
