"""Past subscriptions in `newsletter subscribers show` and `erase`."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy.orm import Session

from newsletter.cli.output import emit
from newsletter.core.ids import SuppressionKey
from newsletter.core.runtime import runtime
from newsletter.privacy import data_export, erasure
from newsletter.subscribers import addresses, queries


def export_without_row(session: Session, suppression_key: SuppressionKey, address: str) -> dict[str, Any] | None:
    """The export of a reader whose row is gone; None for one who has a row, and for an unknown one."""
    address_key = addresses.identity_key(addresses.normalise(address))
    if queries.find_by_key(session, address_key) is not None:
        return None
    return data_export.export_past(session, suppression_key, address_key)


def in_words(exported: dict[str, Any]) -> str:
    """The lines that `show` prints."""
    lines = ["No reader has this address any more. What is left:"]
    for past in exported["past_subscriptions"]:
        reason = f", {past['reason']}" if past["reason"] else ""
        lines.append(f"  {past['ended_as']} {past['ended_at']}{reason}, confirmed {past['confirmed_at'] or 'never'}")
        lines += [
            f"  agreed on {consent['page']}, {consent['requested_at']}: {consent['wording']}"
            for consent in past["consents"] or ()
        ]
    if suppression := exported["suppression"]:
        lines.append(f"  must not be mailed: {suppression['reason']}, {suppression['created_at']}")
    return "\n".join(lines)


def erase(address: str, *, yes: bool, as_json: bool) -> None:
    """Erase what is left; the keyed hash stays, by which no import brings the reader back."""
    if not yes:
        masked = addresses.mask(addresses.normalise(address))
        click.confirm(f"Erase what is left of the ended subscription of {masked}?", abort=True, err=True)
    with runtime().db.transaction() as session:
        address_key = addresses.identity_key(addresses.normalise(address))
        erasure.erase_past(session, runtime().settings.suppression_key, address_key)
    words = "Erased. The address itself was gone already, so no mail tells the reader."
    emit({"id": None, "erased": True, "mailed": False}, words, as_json=as_json)
