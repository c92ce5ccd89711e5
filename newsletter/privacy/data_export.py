"""Everything that is kept of a reader, from all rooms: what the reader may see and take along."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.db import Base, table_of
from newsletter.delivery.events.models import Event
from newsletter.delivery.reports import history
from newsletter.mail import outgoing
from newsletter.subscribers import preferences
from newsletter.subscribers.models import (
    AddressChange,
    Consent,
    OneTimeLink,
    SignupRequest,
    Subscriber,
    Suppression,
    Unsuppression,
)
from newsletter.subscribers.suppression import suppressions

_REFERENCES = {"id", "subscriber_id"}
"""Columns that say only which row belongs to which."""


def export_subscriber(session: Session, suppression_key: str, reader: Subscriber) -> dict[str, Any]:
    """Plain data, ready for JSON: columns by their names, times in ISO 8601. A test holds that no table is missing.

    `letters` are the digests whose recipients the reader was among, `events` what providers reported of them,
    `waiting_mails` single mails about to be sent. `suppression` is None for whoever may be mailed.
    """
    record = {name: _plain(value) for name, value in _columns(reader).items()}
    chosen = {name: record.pop(name) for name in (*preferences.PREFERENCE_COLUMNS, "paused_until")}
    key_hash = suppressions.suppression_hash(suppression_key, reader.address_key)
    suppressed = _rows(session, Suppression, Suppression.key_hash == key_hash)
    return {
        "made_at": _plain(clock.now()),
        "reader": record,
        "preferences": chosen,
        "consents": _rows(session, Consent, Consent.subscriber_id == reader.id),
        "signup_requests": _rows(session, SignupRequest, SignupRequest.address_key == reader.address_key),
        "address_changes": _rows(session, AddressChange, AddressChange.subscriber_id == reader.id),
        "one_time_links": _rows(session, OneTimeLink, OneTimeLink.subscriber_id == reader.id),
        "suppression": suppressed[0] if suppressed else None,
        "unsuppressions": _rows(session, Unsuppression, Unsuppression.key_hash == key_hash),
        "letters": [_named(sent._asdict()) for sent in history.digests_sent_to(session, reader.id)],
        "events": _rows(session, Event, Event.subscriber_id == reader.id),
        "waiting_mails": [
            {"kind": mail.kind, "created_at": _plain(mail.created_at)}
            for mail in outgoing.mails_about(session, reader.id)
        ],
    }


def _rows(session: Session, model: type[Base], where: ColumnElement[bool]) -> list[dict[str, Any]]:
    return [_named(_columns(row)) for row in session.scalars(select(model).where(where))]


def _columns(row: Base) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in table_of(type(row)).columns}


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if name not in _REFERENCES}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value.hex() if isinstance(value, bytes) else value
