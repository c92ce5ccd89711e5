"""Support as JSON: its months, costs and payments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from newsletter.support.models import RefusalReason, SupportPayment
from newsletter.support.received import SupportMonth, SupportOverview


def support_json(
    overview: SupportOverview, newest: Sequence[SupportPayment], refused: Mapping[RefusalReason, int]
) -> dict[str, Any]:
    """The last months, the present costs, the newest payments, and how many posts were refused, by reason."""
    return {
        "months": [support_month_json(month) for month in overview.months],
        "costs": {name: cost.text for name, cost in overview.costs.items()},
        "surplus": overview.surplus.text if overview.surplus else None,
        "payments": [payment_json(payment) for payment in newest],
        "refused_posts": {str(reason): count for reason, count in refused.items()},
    }


def support_month_json(month: SupportMonth) -> dict[str, Any]:
    """The support received in a month, and its goal."""
    return {
        "month": f"{month.month:%Y-%m}",
        "received": month.received.text,
        "goal": month.goal.text if month.goal else None,
        "others": [each.text for each in month.others],
        "payments": month.count,
    }


def payment_json(payment: SupportPayment) -> dict[str, Any]:
    """A payment; `shown` says whether the public page shows its name and words."""
    return {
        "id": payment.id,
        "day": payment.day.isoformat(),
        "kind": str(payment.kind),
        "amount": payment.money.text,
        "shown": visibility(payment),
        "name": payment.name,
        "words": payment.words,
    }


def visibility(payment: SupportPayment) -> str:
    """`private` as its supporter chose, `hidden` by an editor, else `public`."""
    if not payment.is_public:
        return "private"
    return "hidden" if payment.hidden_at else "public"
