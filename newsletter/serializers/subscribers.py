"""The JSON shapes of subscribers, and of the rows and reports about them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from newsletter.core.db import Base
from newsletter.mail.models import OutgoingMail
from newsletter.serializers.values import json_value, row_json
from newsletter.subscribers.models import Subscriber, SubscriberStatus, UnsubscribeReason
from newsletter.subscribers.preferences import PREFERENCE_COLUMNS

if TYPE_CHECKING:  # the site shows readers their data, and imports no files
    from newsletter.subscribers.files.paced_import import ImportResult

_REFERENCES = ("id", "subscriber_id")
"""Columns that say only which row belongs to which."""
_CHOSEN = (*PREFERENCE_COLUMNS, "paused_until")


def subscriber_json(subscriber: Subscriber) -> dict[str, Any]:
    """The subscriber's row without the preferences."""
    return {name: value for name, value in row_json(subscriber).items() if name not in _CHOSEN}


def preferences_json(subscriber: Subscriber) -> dict[str, Any]:
    """The subscriber's preferences and pause."""
    row = row_json(subscriber)
    return {name: row[name] for name in _CHOSEN}


def listed_subscriber_json(subscriber: Subscriber) -> dict[str, Any]:
    """A subscriber in a list: who it is, the status, the preferences and the pause."""
    row = row_json(subscriber)
    return {name: row[name] for name in ("id", "address", "status", "confirmed_at", *_CHOSEN)}


def status_counts_json(counts: Counter[SubscriberStatus]) -> dict[str, int]:
    """How many readers there are, in all and of each status."""
    return {"readers": counts.total(), **{str(status): counts[status] for status in SubscriberStatus}}


def related_row_json(row: Base) -> dict[str, Any]:
    """A row that belongs to a subscriber, such as a consent or an event, without the numbers of rows."""
    return {name: value for name, value in row_json(row).items() if name not in _REFERENCES}


def waiting_mail_json(mail: OutgoingMail) -> dict[str, Any]:
    """A transactional mail that is about to be sent, by its kind."""
    return {"kind": mail.kind, "created_at": json_value(mail.created_at)}


def import_json(result: ImportResult) -> dict[str, Any]:
    """The counts of an import, and the path of its result file."""
    state = result.state
    return {
        "rows": state.rows,
        "imported": state.imported,
        "unchanged": state.unchanged,
        "suppressed": state.suppressed,
        "refused": state.refused,
        "noted": state.noted,
        "ignored": list(result.ignored),
        "resumed_from": result.resumed_from,
        "dry_run": result.dry_run,
        "result": str(result.path),
    }


def unsubscribe_counts_json(days: int, counts: Counter[str | None]) -> dict[str, int]:
    """How many readers unsubscribed in the last `days`, in all and by reason."""
    by_reason = {str(reason): counts[reason] for reason in UnsubscribeReason}
    return {"days": days, "unsubscribed": counts.total(), **by_reason, "said_nothing": counts[None]}
