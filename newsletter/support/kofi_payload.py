"""Ko-fi's webhook (help.ko-fi.com, "Does Ko-fi have an API or webhook?"): reading its posts.

Keys that are not named here are dropped unread: Ko-fi adds new ones, and an address for shipping is none of our
business.
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from newsletter.core import clock
from newsletter.core.errors import InvalidError, NewsletterError
from newsletter.core.text_direction import keep_direction
from newsletter.mail.headers import wire_address
from newsletter.support.models import RefusalReason, SupportKind
from newsletter.support.money import Money, parse_money

KINDS = {
    "Donation": SupportKind.DONATION,
    "Subscription": SupportKind.SUBSCRIPTION,
    "Commission": SupportKind.COMMISSION,
    "Shop Order": SupportKind.SHOP_ORDER,
}
LONGEST_ID = 200
"""Characters of message_id and kofi_transaction_id, which are UUIDs."""
LONGEST_NAME = 200
LONGEST_ADDRESS = 254

_OLDEST = date(2010, 1, 1)
"""Ko-fi is younger."""
_AHEAD = timedelta(days=1)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class RefusedError(InvalidError):
    """A post that is refused, with the reason that it is counted under."""

    reason = RefusalReason.UNREADABLE


class ForgedError(RefusedError):
    """The post does not come from Ko-fi."""

    reason = RefusalReason.FORGED


class AmountError(RefusedError):
    """Its amount is not a valid one."""

    reason = RefusalReason.AMOUNT


@dataclass(frozen=True)
class Payment:
    """A post, reduced to what is kept, and the address for a thank-you mail."""

    message_id: str
    transaction_id: str
    """Empty where there is none."""
    day: date
    kind: SupportKind
    money: Money
    is_public: bool
    name: str
    """Empty for a private payment; so are the words."""
    words: str
    is_renewal: bool
    """A monthly payment after the first one."""
    address: str
    """In wire form; empty where there is none that mail can be sent to. It is kept in no row of a payment."""


def read_post(body: bytes, token: str, zone: ZoneInfo) -> Payment:
    """Read the body of a post whose verification token must be `token`.

    Raises RefusedError; its message says nothing of the content.
    """
    values = _values(body)
    given = values.get("verification_token")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        raise ForgedError("kofi.token", "The post's verification token is not KOFI_VERIFICATION_TOKEN.")
    kind = KINDS.get(_text(values, "type"), SupportKind.OTHER)
    is_public = values.get("is_public") is True
    return Payment(
        message_id=_identifier(values, "message_id") or _unreadable("message_id"),
        transaction_id=_identifier(values, "kofi_transaction_id"),
        day=_day(values, zone),
        kind=kind,
        money=_money(values),
        is_public=is_public,
        name=_clean(_text(values, "from_name")).replace("\n", " ")[:LONGEST_NAME] if is_public else "",
        words=_clean(_text(values, "message")) if is_public else "",
        is_renewal=values.get("is_subscription_payment") is True
        and values.get("is_first_subscription_payment") is not True,
        address=_address(values),
    )


def _values(body: bytes) -> dict[str, Any]:
    """The object in the form's one field. Numbers stay decimal: no amount passes through a float."""
    try:
        form = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=10)
        (data,) = form["data"]
        values = json.loads(data, parse_float=str, parse_int=str, parse_constant=_unreadable)
    except (ValueError, KeyError, RecursionError):
        values = None
    return values if isinstance(values, dict) else _unreadable("data")


def _unreadable(name: str) -> Any:
    raise RefusedError("kofi.unreadable", "The post cannot be read: %(name)s is not what it should be.", name=name)


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _identifier(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > LONGEST_ID:
        _unreadable(key)
    return str(value).strip()


def _money(values: dict[str, Any]) -> Money:
    try:
        return parse_money(_text(values, "amount"), _text(values, "currency"))
    except NewsletterError as error:
        raise AmountError("kofi.amount", "The post's amount or currency is none.") from error


def _day(values: dict[str, Any], zone: ZoneInfo) -> date:
    """The day of the payment; today where the time cannot be right, so that the payment is not lost."""
    now = clock.now()
    try:
        at = datetime.fromisoformat(_text(values, "timestamp"))
        day = (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).astimezone(zone).date()
    except (ValueError, OverflowError):
        day = _OLDEST
    latest = (now + _AHEAD).astimezone(zone).date()
    return day if _OLDEST < day <= latest else now.astimezone(zone).date()


def _clean(text: str) -> str:
    """The words without characters that no database takes, or that turn around the text beside them."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return keep_direction(_CONTROL.sub("", lines)).strip()


def _address(values: dict[str, Any]) -> str:
    address = _text(values, "email").strip()
    try:
        return wire_address(address) if len(address) <= LONGEST_ADDRESS else ""
    except ValueError:
        return ""
