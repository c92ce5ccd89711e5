"""The one list of the tables that hold a reader's data: the export shows them, and an erasure takes them.

A test compares it with the schema, so that no table is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement

from newsletter.core.db import Base
from newsletter.core.ids import AddressKey, KeyHash, SubscriberId
from newsletter.delivery.events.models import Event, StoredReport
from newsletter.delivery.ledger.models import Refusal
from newsletter.mail.models import OutgoingMail
from newsletter.subscribers.models import (
    AddressChange,
    Consent,
    OneTimeLink,
    PastSubscription,
    SignupRequest,
    Subscriber,
    Suppression,
    Unsuppression,
)


class ReaderKeys(NamedTuple):
    """The values that tie rows to a reader."""

    subscriber_id: SubscriberId | None
    """None when the reader's row is gone."""
    address_key: AddressKey
    key_hashes: Sequence[KeyHash]


class Erasure(StrEnum):
    """The fate of a table's rows in an erasure."""

    CASCADE = "cascade"
    """A foreign key takes them with the subscriber's own row."""
    DELETE = "delete"
    KEEP = "keep"
    """The keyed hash stays, by which no import brings the reader back unasked."""


@dataclass(frozen=True)
class ReaderTable:
    """A table with rows about readers; `of` is the condition for the rows of one."""

    model: type[Base]
    of: Callable[[ReaderKeys], ColumnElement[bool]]
    erasure: Erasure

    @property
    def name(self) -> str:
        """The table's name, which is also its section of the export."""
        return str(self.model.__tablename__)


def _by_subscriber(model: Any) -> ReaderTable:
    return ReaderTable(model, lambda keys: model.subscriber_id == keys.subscriber_id, Erasure.CASCADE)


def _by_hash(model: Any, erasure: Erasure) -> ReaderTable:
    return ReaderTable(model, lambda keys: model.key_hash.in_(keys.key_hashes), erasure)


SUBSCRIBERS = ReaderTable(Subscriber, lambda keys: Subscriber.id == keys.subscriber_id, Erasure.DELETE)
SIGNUP_REQUESTS = ReaderTable(SignupRequest, lambda keys: SignupRequest.address_key == keys.address_key, Erasure.DELETE)
CONSENTS = _by_subscriber(Consent)
ADDRESS_CHANGES = _by_subscriber(AddressChange)
ONE_TIME_LINKS = _by_subscriber(OneTimeLink)
EVENTS = _by_subscriber(Event)
STORED_REPORTS = _by_subscriber(StoredReport)
REFUSALS = _by_subscriber(Refusal)
WAITING_MAILS = _by_subscriber(OutgoingMail)
SUPPRESSIONS = _by_hash(Suppression, Erasure.KEEP)
PAST_SUBSCRIPTIONS = _by_hash(PastSubscription, Erasure.DELETE)
UNSUPPRESSIONS = _by_hash(Unsuppression, Erasure.DELETE)

READER_TABLES = (
    *(SUBSCRIBERS, SIGNUP_REQUESTS, CONSENTS, ADDRESS_CHANGES, ONE_TIME_LINKS, EVENTS, REFUSALS, WAITING_MAILS),
    *(STORED_REPORTS, SUPPRESSIONS, UNSUPPRESSIONS, PAST_SUBSCRIPTIONS),
)
