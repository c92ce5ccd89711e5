"""A browser's answer about a passkey, read for the library with the checks that it leaves to us.

The library makes bytes of whatever JSON holds: of a number so many zeros, as many as a stranger likes. So it is given
bytes that were read here, from strings alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AuthenticationResponse,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    CollectedClientData,
    RegistrationResponse,
)

MOST_CHARACTERS = 65_536
"""Of each field. The library reads CBOR in quadratic time: a request's whole megabyte took 18 seconds. Certificates of
an authenticator's maker take some 10,000.
"""


def read_creation(content: Mapping[str, Any]) -> RegistrationResponse:
    """The answer to the options for a new passkey. Raises any exception for one that is not valid."""
    raw_id, response = _read_credential(content)
    attestation = AttestationObject(_bytes(response, "attestationObject"))
    if attestation.fmt == "none" and attestation.att_stmt != {}:
        raise ValueError("a statement that says of itself that it is none")
    return RegistrationResponse(
        raw_id=raw_id,
        response=AuthenticatorAttestationResponse(client_data=_client_data(response), attestation_object=attestation),
    )


def read_request(content: Mapping[str, Any]) -> AuthenticationResponse:
    """The answer to the options to show a passkey. Raises any exception for one that is not valid."""
    raw_id, response = _read_credential(content)
    return AuthenticationResponse(
        raw_id=raw_id,
        response=AuthenticatorAssertionResponse(
            client_data=_client_data(response),
            authenticator_data=AuthenticatorData(_bytes(response, "authenticatorData")),
            signature=_bytes(response, "signature"),
        ),
    )


def _read_credential(content: Mapping[str, Any]) -> tuple[bytes, Mapping[str, Any]]:
    """The id of the passkey, and what the authenticator says."""
    raw_id, response = _bytes(content, "rawId"), content["response"]
    if content["id"] != websafe_encode(raw_id) or content["type"] != "public-key" or not isinstance(response, dict):
        raise ValueError("no credential")
    return raw_id, response


def _client_data(response: Mapping[str, Any]) -> CollectedClientData:
    """The client data, made in a page of the site's own: no page of ours stands in another's frame."""
    encoded = _bytes(response, "clientDataJSON")
    content = json.loads(encoded.decode())
    if not all(isinstance(content[name], str) for name in ("type", "challenge", "origin")):
        raise ValueError("no client data")
    if content.get("crossOrigin", False) is not False or "topOrigin" in content:
        raise ValueError("in a frame")
    return CollectedClientData(encoded)


def _bytes(content: Mapping[str, Any], name: str) -> bytes:
    text = content[name]
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        raise ValueError(f"no {name}")
    return websafe_decode(text)
