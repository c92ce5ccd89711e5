"""Types of numbers, keys and hashes that must not be mixed up in a signature."""

from __future__ import annotations

from typing import NewType

SubscriberId = NewType("SubscriberId", int)
DigestId = NewType("DigestId", int)
BatchId = NewType("BatchId", int)

AddressKey = NewType("AddressKey", str)
"""The identity of an address (`subscribers.addresses.identity_key`)."""
SuppressionKey = NewType("SuppressionKey", str)
"""The setting SUPPRESSION_KEY."""
KeyHash = NewType("KeyHash", bytes)
"""An address key hashed under the suppression key: 32 bytes."""
