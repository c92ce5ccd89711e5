"""Anything at all as an answer about a passkey: it is refused by a ValueError, whatever the library raises."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from fido2 import cbor
from hypothesis import given
from hypothesis import strategies as st

from newsletter.staff import webauthn_calls
from tests.services.authenticator import EXTENDED, SoftAuthenticator, cose_key
from tests.services.passkey_answers import CHALLENGE, OPTIONS, REFUSED, SITE, made_by
from tests.services.patience import PATIENCE
from tests.services.source import CHECKOUT

DEVICE = SoftAuthenticator(SITE.origin, SITE.rp_id)
KEY = cose_key(DEVICE.key)
MADE, SHOWN = json.loads(DEVICE.create(OPTIONS)), json.loads(DEVICE.get(OPTIONS))

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)
cbor_values = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**64), 2**64 - 1), st.binary(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.one_of(st.integers(-4, 4), st.sampled_from(["fmt", "authData"])), inner)
    ),
    max_leaves=8,
)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def refused_if_made(content: dict[str, Any]) -> bool:
    """Whether no passkey comes of an answer. Another exception than ValueError is not caught."""
    with suppress(ValueError):
        webauthn_calls.verify_creation(SITE, CHALLENGE, content)
        return False
    return True


def refused_if_shown(content: dict[str, Any]) -> bool:
    """Whether an answer signs nobody in."""
    with suppress(ValueError):
        webauthn_calls.verify_request(SITE, CHALLENGE, content, KEY, 0)
        return False
    return True


def put_in(answer: dict[str, Any], name: str, value: object) -> dict[str, Any]:
    """An answer with another value in one field."""
    if name in answer["response"]:
        return {**answer, "response": {**answer["response"], name: value}}
    return {**answer, name: value}


@st.composite
def broken(draw: st.DrawFn, text: str) -> str:
    """A text in base64 that is one byte longer, shorter or other than it was."""
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    at, byte = draw(st.integers(0, len(content) - 1)), draw(st.binary(min_size=1, max_size=1))
    before, after = content[:at], content[at + 1 :]
    changed = [before, before + byte + after, before + byte + content[at:], before + after]
    return encoded(draw(st.sampled_from([each for each in changed if each != content])))


def test_what_is_changed_below_was_valid() -> None:
    assert not refused_if_made(MADE)
    assert not refused_if_shown(SHOWN)


@given(st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "attestationObject"]), json_values)
def test_any_value_in_the_answer_for_a_new_one(name: str, value: object) -> None:
    assert refused_if_made(put_in(MADE, name, value))


@given(
    st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "signature"]),
    json_values,
)
def test_any_value_in_the_answer_for_a_known_one(name: str, value: object) -> None:
    assert refused_if_shown(put_in(SHOWN, name, value))


@given(st.dictionaries(st.sampled_from(["type", "challenge", "origin", "crossOrigin", "topOrigin"]), json_values))
def test_any_client_data(content: dict[str, object]) -> None:
    text = encoded(json.dumps(content).encode())
    assert refused_if_made(put_in(MADE, "clientDataJSON", text))
    assert refused_if_shown(put_in(SHOWN, "clientDataJSON", text))


@given(st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]), st.data())
def test_any_change_of_what_is_signed(name: str, data: st.DataObject) -> None:
    assert refused_if_shown(put_in(SHOWN, name, data.draw(broken(SHOWN["response"][name]))))


@given(broken(MADE["response"]["attestationObject"]))
def test_any_change_of_an_attestation_ends_well(text: str) -> None:
    """Nothing is signed in it: a change of the counter, say, is none that could be seen."""
    refused_if_made(put_in(MADE, "attestationObject", text))


@given(st.one_of(st.binary(), cbor_values.map(cbor.encode)))
def test_any_attestation(content: bytes) -> None:
    assert refused_if_made(put_in(MADE, "attestationObject", encoded(content)))


@given(
    st.one_of(
        st.binary(),
        cbor_values.map(cbor.encode),
        st.dictionaries(
            st.sampled_from([1, 3, -1, -2, -3]), st.one_of(cbor_values, st.sampled_from([1, 2, 3, -7, -8, -257, 6]))
        ).map(cbor.encode),
    )
)
def test_any_public_key_ends_well(key: bytes) -> None:
    device = SoftAuthenticator(SITE.origin, SITE.rp_id, key=DEVICE.key, public_key=key)
    refused_if_made(json.loads(device.create(OPTIONS)))


@pytest.mark.parametrize("content", [b"\x81" * 5000, b"\xbf", b"\xfb", b"\x1b", b"", b"\xc2", b"\xa1\x80\x80"])
def test_what_broke_readers_of_cbor(content: bytes) -> None:
    assert refused_if_made(put_in(MADE, "attestationObject", encoded(content)))
    data = DEVICE.data(EXTENDED) + content
    assert refused_if_shown(put_in(SHOWN, "authenticatorData", encoded(data)))


def test_client_data_that_is_nested_too_deeply() -> None:
    assert refused_if_shown(put_in(SHOWN, "clientDataJSON", encoded(b"[" * 40_000)))


def make_no_credential() -> None:
    """An answer without the credential that was to be made."""
    data = cbor.encode({"fmt": "none", "attStmt": {}, "authData": DEVICE.data(0)})
    made_by(DEVICE, response=put_in(MADE, "attestationObject", encoded(data))["response"])


def test_there_must_be_a_credential_even_when_python_leaves_out_assertions() -> None:
    """The library asserts it."""
    with pytest.raises(ValueError, match=REFUSED):
        make_no_credential()
    program = f"from {__name__} import make_no_credential\ntry: make_no_credential()\nexcept ValueError as e: print(e)"
    command = [sys.executable, "-OB", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE, cwd=CHECKOUT)
    assert done.stdout.strip() == REFUSED
