"""Amounts of money: exact decimals with their currency, which are never added up across currencies."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from babel.numbers import get_currency_precision

from newsletter.core.errors import InvalidError

MOST = Decimal(10) ** 9
"""An amount that nobody pays: larger ones are mistakes, or meant to do harm."""

_AMOUNT = re.compile(r"\d{1,10}(?:\.\d{1,8})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class Money(NamedTuple):
    """An amount, with as many digits after its point as the currency has."""

    amount: Decimal
    currency: str
    """An ISO 4217 code."""

    @property
    def exponent(self) -> int:
        """The digits after the point: 2 for EUR, 0 for JPY, 3 for BHD."""
        return exponent_of(self.currency)

    @property
    def minor_units(self) -> int:
        """The amount in the currency's smallest unit."""
        return int(self.amount.scaleb(self.exponent))

    @property
    def text(self) -> str:
        """ "12.50 EUR", for commands and files."""
        return f"{self.amount} {self.currency}"


def exponent_of(currency: str) -> int:
    """The digits after the point that a currency has (ISO 4217, as CLDR lists them; 2 for an unknown one)."""
    return get_currency_precision(currency)


def of_minor_units(minor_units: int, currency: str, exponent: int) -> Money:
    """The amount that was stored so, whatever the list of currencies says by now."""
    return Money(Decimal(minor_units).scaleb(-exponent), currency)


def parse_money(amount: str, currency: str) -> Money:
    """Read "3", "3.0" or "3.00" with "EUR".

    Raises InvalidError for anything but a plain amount from 0 to MOST with no more digits than the currency has, zeros
    at its end aside.
    """
    currency = currency.strip().upper()
    if not _CURRENCY.fullmatch(currency):
        raise InvalidError("money.currency", "A currency has three letters, such as EUR.")
    if not _AMOUNT.fullmatch(amount.strip()):
        raise InvalidError("money.amount", "An amount is a plain number such as 12.50, and not negative.")
    value = Decimal(amount.strip())
    exact = value.quantize(Decimal(1).scaleb(-exponent_of(currency)))
    if exact != value:
        raise InvalidError("money.digits", "%(currency)s has no such small parts.", currency=currency)
    if exact > MOST:
        raise InvalidError("money.too_large", "An amount is at most %(most)s.", most=f"{MOST:,}")
    return Money(exact, currency)


def sums(amounts: Iterable[Money]) -> dict[str, Decimal]:
    """The sum of each currency, the currencies in the order of their first amounts."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for amount, currency in amounts:
        found[currency] += amount
    return dict(found)
