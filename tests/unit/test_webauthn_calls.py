"""Passkeys by themselves: what browsers are asked for, which answers count, and keys that are stored already."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fido2 import cbor

from newsletter.core import logs
from newsletter.staff import webauthn_calls
from newsletter.staff.webauthn_calls import MOST_OF_AN_ID
from tests.services.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    EXTENDED,
    PrivateKey,
    SoftAuthenticator,
    cose_key,
)
from tests.services.passkey_answers import CHALLENGE, OPTIONS, REFUSED, SITE, made_by, shown_by

KEYS: dict[str, Callable[[], PrivateKey]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
}
STORED: dict[str, tuple[PrivateKey, str]] = {
    "ES256": (
        ec.derive_private_key(1234567, ec.SECP256R1()),
        (
            "a501020326200121582065de15fecb7ec3cdfb570fa87ab71ce1f18e89d5976b07057cdbbff5ff85b760"
            "22582067d85098b6903bad82beb0c988f79f1f295e9c1285c580b199836120ed1bbf7e"
        ),
    ),
    "EdDSA": (
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
        "a401010327200621582003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
    ),
}
"""Keys, and what py_webauthn 3.0.1 stored of them."""


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(SITE.origin, SITE.rp_id)


def test_what_a_browser_is_asked_to_make() -> None:
    options = json.loads(webauthn_calls.creation_options(SITE, "Dispatch", b"handle", "a@b.example", "Ada", [b"id"]))
    assert len(options.pop("challenge")) == 86
    assert options == {
        "rp": {"id": SITE.rp_id, "name": "Dispatch"},
        "user": {"id": "aGFuZGxl", "name": "a@b.example", "displayName": "Ada"},
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in (-8, -7, -257)],
        "timeout": 60_000,
        "excludeCredentials": [{"type": "public-key", "id": "aWQ"}],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


@pytest.mark.parametrize(("known", "allowed"), [([], []), ([b"id"], [{"type": "public-key", "id": "aWQ"}])])
def test_what_a_browser_is_asked_to_show(known: list[bytes], allowed: list[dict[str, str]]) -> None:
    options = json.loads(webauthn_calls.request_options(SITE, known))
    assert len(options.pop("challenge")) == 86
    assert options == {
        "rpId": SITE.rp_id,
        "timeout": 60_000,
        "allowCredentials": allowed,
        "userVerification": "required",
    }


def test_each_challenge_is_another() -> None:
    assert len({json.loads(webauthn_calls.request_options(SITE, []))["challenge"] for _ in range(9)}) == 9


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_algorithm_that_is_offered_works(device: SoftAuthenticator, algorithm: str) -> None:
    device.key = KEYS[algorithm]()
    assert made_by(device) == (device.id, cose_key(device.key), 0)
    assert shown_by(device) == 1


@pytest.mark.parametrize("algorithm", STORED)
def test_a_key_that_was_stored_before_still_signs_in(device: SoftAuthenticator, algorithm: str) -> None:
    device.key, stored = STORED[algorithm]
    answer = json.loads(device.get(OPTIONS))
    assert webauthn_calls.verify_request(SITE, CHALLENGE, answer, bytes.fromhex(stored), 0) == 1
    assert made_by(device).public_key.hex() == stored


HARMLESS: dict[str, dict[str, Any]] = {
    "a key that can be backed up": {"flags": BACKUP_ELIGIBLE},
    "a key that is backed up": {"flags": BACKUP_ELIGIBLE | BACKED_UP},
    "extensions": {"flags": EXTENDED, "after": cbor.encode({"credProtect": 3})},
    "members that are not known": {"client_data": {"other_keys_can_be_added_here": "do not compare"}},
    "an old browser": {"client_data": {"tokenBinding": {"status": "supported"}}},
}


@pytest.mark.parametrize("form", HARMLESS)
def test_what_changes_nothing_is_accepted(device: SoftAuthenticator, form: str) -> None:
    device = replace(device, **HARMLESS[form])
    assert made_by(device).id == device.id
    assert shown_by(device) == 1


def test_an_attestation_that_nobody_asked_for_is_not_looked_at(device: SoftAuthenticator) -> None:
    device.form, device.statement = "packed", {"alg": -7, "sig": b"anything"}
    assert made_by(device).id == device.id


def test_the_longest_id_is_accepted(device: SoftAuthenticator) -> None:
    device.id = bytes(MOST_OF_AN_ID)
    assert made_by(device).id == device.id


@pytest.mark.parametrize(("before", "count", "accepted"), [(0, 0, True), (4, 5, True), (5, 5, False), (5, 0, False)])
def test_the_counter_must_rise(device: SoftAuthenticator, before: int, count: int, *, accepted: bool) -> None:
    device.count, device.counts = count, False
    if accepted:
        assert shown_by(device, before) == count
    else:
        with pytest.raises(ValueError, match=REFUSED):
            shown_by(device, before)


def test_the_library_logs_no_id(device: SoftAuthenticator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logs.configure(logging.DEBUG)
        made_by(device)
        shown_by(device)
    assert caplog.records == []
