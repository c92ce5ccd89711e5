"""Answers about a passkey that must not count, one for each check of ours and of the library."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

from newsletter.staff import webauthn_calls
from newsletter.staff.webauthn_answers import MOST_CHARACTERS
from tests.services.authenticator import BACKED_UP, EXTENDED, SoftAuthenticator, cose_key
from tests.services.passkey_answers import CHALLENGE, OPTIONS, REFUSED, SITE, made_by, shown_by

DEVICE = SoftAuthenticator(SITE.origin, SITE.rp_id, counts=False)

BOTH: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://evil.example"},
    "a subdomain": {"origin": "https://evil.letters.example.org"},
    "another scheme": {"origin": "http://letters.example.org"},
    "another port": {"origin": "https://letters.example.org:8443"},
    "an origin that is no text": {"client_data": {"origin": [SITE.origin]}},
    "another host": {"rp_id": "example.org"},
    "nobody there": {"sees_user": False},
    "nobody verified": {"verifies_user": False},
    "a frame": {"client_data": {"crossOrigin": True}},
    "a frame by another word": {"client_data": {"crossOrigin": "true"}},
    "a page around it": {"client_data": {"topOrigin": "https://evil.example"}},
    "another ceremony": {"client_data": {"type": "payment.get"}},
    "another challenge": {"client_data": {"challenge": "A" * 86}},
    "a number as challenge": {"client_data": {"challenge": 64}},
    "backed up, but not to be": {"flags": BACKED_UP},
    "bytes behind its data": {"after": b"\0"},
    "bytes behind its extensions": {"flags": EXTENDED, "after": cbor.encode({"credProtect": 3}) + b"\0"},
    "a member that is there twice": {"flags": EXTENDED, "after": b"\xa2\x01\x02\x01\x03"},
    "a length in too many bytes": {"flags": EXTENDED, "after": b"\xa1\x18\x01\x02"},
    "no extensions after all": {"flags": EXTENDED},
}
"""Lies of a device or its browser that count neither for a new passkey nor for a known one."""

ES256 = cbor.decode_from(cose_key(DEVICE.key))[0]
OTHER_CURVE = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
KEYS: dict[str, bytes] = {
    "ES384": cbor.encode({1: 2, 3: -35, -1: 2, -2: OTHER_CURVE.x.to_bytes(48), -3: OTHER_CURVE.y.to_bytes(48)}),
    "ES384 without its type": cbor.encode(
        {3: -35, -1: 2, -2: OTHER_CURVE.x.to_bytes(48), -3: OTHER_CURVE.y.to_bytes(48)}
    ),
    "ESP256": cbor.encode(ES256 | {3: -9}),
    "an unknown algorithm": cbor.encode(ES256 | {3: -999}),
    "no algorithm": cbor.encode({1: 2}),
    "an algorithm alone": cbor.encode({3: -7}),
    "another type": cbor.encode(ES256 | {1: 3}),
    "another curve": cbor.encode(ES256 | {-1: 2}),
    "a point beside the curve": cbor.encode(ES256 | {-2: bytes(32)}),
    "half a point": cbor.encode(ES256 | {-3: True}),
    "a member twice": b"\xa6" + cbor.encode(ES256)[1:] + b"\x03\x26",
    "no map": cbor.encode([1, 2]),
    "an object in itself": b"\x81" * 5000,
    "nothing": b"\x80",
}


@pytest.mark.parametrize("lie", BOTH)
def test_no_lie_counts(lie: str) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        made_by(replace(DEVICE, **BOTH[lie]))
    with pytest.raises(ValueError, match=REFUSED):
        shown_by(replace(DEVICE, **BOTH[lie]))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_was_not_offered_or_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        made_by(replace(DEVICE, public_key=KEYS[key]))


@pytest.mark.parametrize("number", [b"", bytes(1024)], ids=["empty", "too long"])
def test_an_id_is_neither_empty_nor_too_long(number: bytes) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        made_by(replace(DEVICE, id=number))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "AAAA"},
        {"id": None},
        {"rawId": "AAAA"},
        {"id": "AAAA", "rawId": "AAAA"},
        {"rawId": 32},
        {"type": "password"},
        {"type": None},
        {"response": []},
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        made_by(DEVICE, **changes)
    if len(changes) == 1:  # whose key it is, is looked up by the id
        with pytest.raises(ValueError, match=REFUSED):
            shown_by(DEVICE, **changes)


def test_an_attestation_of_none_says_nothing() -> None:
    with pytest.raises(ValueError, match=REFUSED):
        made_by(replace(DEVICE, statement={"sig": b"anything"}))


def test_an_answer_to_one_ceremony_is_none_to_the_other() -> None:
    made, shown = json.loads(DEVICE.create(OPTIONS)), json.loads(DEVICE.get(OPTIONS))
    both = {**made["response"], **shown["response"]}
    with pytest.raises(ValueError, match=REFUSED):
        made_by(DEVICE, response=both)
    with pytest.raises(ValueError, match=REFUSED):
        shown_by(DEVICE, response=both | {"clientDataJSON": made["response"]["clientDataJSON"]})


def test_another_s_signature_is_refused() -> None:
    other, key = replace(DEVICE, key=ec.generate_private_key(ec.SECP256R1())), cose_key(DEVICE.key)
    with pytest.raises(ValueError, match=REFUSED):
        webauthn_calls.verify_request(SITE, CHALLENGE, json.loads(other.get(OPTIONS)), key, 0)


def test_a_field_that_would_take_seconds_to_read_is_not_read() -> None:
    size = MOST_CHARACTERS // 4 * 3
    for statement, accepted in ((bytes(size // 2), True), (bytes(size), False)):
        device = replace(DEVICE, form="packed", statement={"sig": statement})
        if accepted:
            assert made_by(device).id == device.id
        else:
            with pytest.raises(ValueError, match=REFUSED):
                made_by(device)


def test_a_number_takes_no_memory() -> None:
    """The library makes bytes of it: so many zeros."""
    tracemalloc.start()
    try:
        for changes in (
            {"rawId": 10**8},
            {"response": json.loads(DEVICE.get(OPTIONS))["response"] | {"signature": 10**8}},
        ):
            with pytest.raises(ValueError, match=REFUSED):
                shown_by(DEVICE, **changes)
        with pytest.raises(ValueError, match=REFUSED):
            shown_by(replace(DEVICE, client_data={"challenge": 10**8}))
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()
