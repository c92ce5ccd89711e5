"""Everything that is kept of a reader: what the reader may see and take along."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.ids import AddressKey, SubscriberId, SuppressionKey
from newsletter.delivery.events import stored_reports
from newsletter.delivery.reports import reader_history
from newsletter.mail import outgoing_mails
from newsletter.privacy import reader_tables
from newsletter.privacy.reader_tables import ReaderKeys, ReaderTable
from newsletter.serializers import subscribers
from newsletter.serializers.values import json_object, json_value
from newsletter.subscribers import past_subscriptions
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.suppression import suppressions

_AS_ROWS = (
    *(
        reader_tables.CONSENTS,
        reader_tables.SIGNUP_REQUESTS,
        reader_tables.ADDRESS_CHANGES,
        reader_tables.ONE_TIME_LINKS,
    ),
    *(reader_tables.UNSUPPRESSIONS, reader_tables.EVENTS, reader_tables.PAST_SUBSCRIPTIONS),
)
"""Tables whose rows are exported as they are. Refusals are part of `letters`."""


def export_subscriber(session: Session, suppression_key: SuppressionKey, reader: Subscriber) -> dict[str, Any]:
    """Plain data, ready for JSON: columns by their names, times in ISO 8601.

    `letters` are the digests that had the reader among their recipients, with the reasons of refusals; `events` are
    providers' reports, and `stored_reports` those of the last weeks as they came; `waiting_mails` are transactional
    mails about to be sent. `suppression` is None for a reader who may be mailed.
    """
    keys = ReaderKeys(
        SubscriberId(reader.id),
        reader.address_key,
        suppressions.suppression_hashes(suppression_key, reader.address_key),
    )
    suppression = _rows(session, reader_tables.SUPPRESSIONS, keys)
    return {
        "made_at": json_value(clock.now()),
        "reader": subscribers.subscriber_json(reader),
        "preferences": subscribers.preferences_json(reader),
        **{table.name: _rows(session, table, keys) for table in _AS_ROWS},
        "stored_reports": [
            json_object(report._asdict())
            for report in stored_reports.reports_about(session, suppression_key, reader.id)
        ],
        "suppression": suppression[0] if suppression else None,
        "letters": [json_object(sent._asdict()) for sent in reader_history.digests_sent_to(session, reader.id)],
        "waiting_mails": [
            subscribers.waiting_mail_json(mail) for mail in outgoing_mails.mails_about(session, reader.id)
        ],
    }


def export_past(session: Session, suppression_key: SuppressionKey, address_key: AddressKey) -> dict[str, Any] | None:
    """The rest that is kept of a reader without a row; None when no subscription of this address ended long ago."""
    if not past_subscriptions.past_of_address(session, suppression_key, address_key):
        return None
    keys = ReaderKeys(None, address_key, suppressions.suppression_hashes(suppression_key, address_key))
    suppression = _rows(session, reader_tables.SUPPRESSIONS, keys)
    return {
        "made_at": json_value(clock.now()),
        "reader": None,
        "past_subscriptions": _rows(session, reader_tables.PAST_SUBSCRIPTIONS, keys),
        "unsuppressions": _rows(session, reader_tables.UNSUPPRESSIONS, keys),
        "suppression": suppression[0] if suppression else None,
    }


def _rows(session: Session, table: ReaderTable, keys: ReaderKeys) -> list[dict[str, Any]]:
    rows = session.scalars(select(table.model).where(table.of(keys)))
    return [subscribers.related_row_json(row) for row in rows]
