"""The three things that a failed mail can be about."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class FailureKind(StrEnum):
    """The subject of a failure. The caller decides what follows from it."""

    MAILBOX = "mailbox"
    """The mailbox is not there, or is closed for good."""
    MOMENT = "moment"
    """The mailbox is full, the time ran out, a system was in trouble, or the failure does not say."""
    US = "us"
    """The sender, its quota, the content or a policy: nothing about the reader."""


class Verdict(NamedTuple):
    """The meaning of a failure, and the evidence for it."""

    kind: FailureKind
    code: str
    """The code that was read: "5.1.1", else "550", else empty."""
    why: str
    """The evidence, for operators: 'code 5.1.1', 'words "mailbox full"'. No address is in it."""
