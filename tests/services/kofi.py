"""Payloads of Ko-fi's webhook, as Ko-fi sends them (help.ko-fi.com), and posts of them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

TOKEN = "fbe2b9d6-3a4f-4a6e-9b0b-9d7f2a6c1e55"
ADDRESS = "jo.supporter@mail.example"
SHIPPING = {
    "full_name": "Jo Supporter",
    "street_address": "123 The Street",
    "city": "Sometown",
    "state_or_province": "NY",
    "postal_code": "12345",
    "country": "United States",
    "country_code": "US",
    "telephone": "+1 212 555 0100",
}


def payload(**changes: Any) -> dict[str, Any]:
    """A public donation of 3.00 euros, with `changes`."""
    return {
        "verification_token": TOKEN,
        "message_id": "3a1fac0c-f960-4506-a60e-824979a74e74",
        "timestamp": "2026-05-04T13:04:30Z",
        "type": "Donation",
        "is_public": True,
        "from_name": "Jo Example",
        "message": "Good luck with the newsletter!",
        "amount": "3.00",
        "url": "https://ko-fi.com/Home/CoffeeShop?txid=0a1fac0c-f960-4506-a60e-824979a74e71",
        "email": ADDRESS,
        "currency": "EUR",
        "is_subscription_payment": False,
        "is_first_subscription_payment": False,
        "kofi_transaction_id": "0a1fac0c-f960-4506-a60e-824979a74e71",
        "shop_items": None,
        "tier_name": None,
        "shipping": None,
        "discord_username": "Jo#4105",
        "discord_userid": "012345678901234567",
        **changes,
    }


def subscription(**changes: Any) -> dict[str, Any]:
    """The first payment of a membership, with `changes`."""
    first = {"is_subscription_payment": True, "is_first_subscription_payment": True, "tier_name": "Gold"}
    return payload(**{"type": "Subscription", "amount": "5.00", **first, **changes})


def shop_order(**changes: Any) -> dict[str, Any]:
    """An order from the shop, with an address to send it to."""
    items = [{"direct_link_code": "1a2b3c4d5e", "variation_name": "Blue", "quantity": 2}]
    return payload(**{"type": "Shop Order", "amount": "27.95", "shop_items": items, "shipping": SHIPPING, **changes})


def commission(**changes: Any) -> dict[str, Any]:
    """A commission."""
    return payload(**{"type": "Commission", "amount": "40", **changes})


def form(values: object) -> dict[str, str]:
    """The form of the post, with its one field of JSON."""
    return {"data": json.dumps(values)}


def body(values: object) -> bytes:
    """The body of the post."""
    return urlencode(form(values)).encode()
