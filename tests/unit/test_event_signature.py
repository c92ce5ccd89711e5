"""SendGrid's signature: what it covers, and how old it may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from sendgrid.helpers.eventwebhook import EventWebhook

from newsletter.core.errors import ConfigurationError
from newsletter.delivery.events import signature
from newsletter.delivery.events.signature import SignatureError
from tests.services.sendgrid_events import SendGridSigner

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
BODY = b'[{"event":"delivered","email":"ada@example.org"}]'
SIGNER = SendGridSigner()
SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"


def check(body: bytes, headers: dict[str, str], signer: SendGridSigner = SIGNER, now: datetime = NOW) -> None:
    key = signature.public_key(signer.public_key)
    signature.verify_signature(key, headers.get(SIGNATURE), headers.get(TIMESTAMP), body, now)


def test_a_signature_of_sendgrid_passes_here_and_in_its_own_package() -> None:
    headers = SIGNER.headers(BODY, NOW.timestamp())
    check(BODY, headers)
    assert EventWebhook(SIGNER.public_key).verify_signature(BODY.decode(), headers[SIGNATURE], headers[TIMESTAMP])


@pytest.mark.parametrize("age", [-timedelta(minutes=9), timedelta(0), timedelta(hours=24, minutes=50)])
def test_a_retry_of_a_day_passes(age: timedelta) -> None:
    check(BODY, SIGNER.headers(BODY, (NOW - age).timestamp()))


@pytest.mark.parametrize("age", [-timedelta(minutes=11), timedelta(hours=26), timedelta(days=3000)])
def test_older_and_future_ones_do_not(age: timedelta) -> None:
    with pytest.raises(SignatureError, match="too long ago"):
        check(BODY, SIGNER.headers(BODY, (NOW - age).timestamp()))


@pytest.mark.parametrize("missing", [SIGNATURE, TIMESTAMP])
def test_without_a_header_nothing_passes(missing: str) -> None:
    headers = SIGNER.headers(BODY, NOW.timestamp())
    del headers[missing]
    with pytest.raises(SignatureError, match="not signed"):
        check(BODY, headers)


def test_another_key_does_not_do() -> None:
    with pytest.raises(SignatureError, match="not SendGrid's"):
        check(BODY, SendGridSigner().headers(BODY, NOW.timestamp()))


@pytest.mark.parametrize("index", range(len(BODY)))
def test_no_byte_of_the_body_can_be_changed(index: int) -> None:
    changed = bytearray(BODY)
    changed[index] ^= 1
    with pytest.raises(SignatureError):
        check(bytes(changed), SIGNER.headers(BODY, NOW.timestamp()))


def test_the_timestamp_is_signed_too() -> None:
    headers = SIGNER.headers(BODY, NOW.timestamp() - 600) | {TIMESTAMP: str(int(NOW.timestamp()))}
    with pytest.raises(SignatureError, match="not SendGrid's"):
        check(BODY, headers)


@given(st.text(), st.text())
def test_no_header_breaks_it(one: str, other: str) -> None:
    with pytest.raises(SignatureError):
        check(BODY, {SIGNATURE: one, TIMESTAMP: other})


def rsa_key() -> str:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("text", ["no key", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_a_wrong_setting_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="SENDGRID_WEBHOOK_KEY"):
        signature.public_key(text)


def test_a_key_of_another_kind_is_named() -> None:
    with pytest.raises(ConfigurationError, match="another kind"):
        signature.public_key(rsa_key())
