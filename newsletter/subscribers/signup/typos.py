"""Typing mistakes in the domains of big providers: a suggestion, never a refusal."""

from __future__ import annotations

from functools import cache, lru_cache

PROVIDERS = (
    *(
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "yahoo.co.uk",
        "yahoo.de",
        "yahoo.fr",
        "hotmail.com",
        "hotmail.co.uk",
    ),
    *("hotmail.de", "hotmail.fr", "outlook.com", "outlook.de", "icloud.com", "protonmail.com", "fastmail.com"),
    *(
        "gmx.de",
        "gmx.net",
        "web.de",
        "t-online.de",
        "freenet.de",
        "posteo.de",
        "mailbox.org",
        "orange.fr",
        "wanadoo.fr",
    ),
    *("laposte.net", "libero.it", "comcast.net", "verizon.net", "btinternet.com"),
)
"""The domains that are suggested."""
RIGHT = (
    *("mail.com", "email.com", "ymail.com", "gmx.at", "gmx.ch", "gmx.com", "live.com", "me.com", "mac.com", "msn.com"),
    *("aol.com", "pm.me", "proton.me", "hey.com", "zoho.com", "mail.ru", "mail.de", "wp.pl", "qq.com", "hotmail.es"),
    *("hotmail.it", "yahoo.ca", "yahoo.es", "yahoo.it", "yahoo.in", "yahoo.co.in", "yahoo.co.jp", "outlook.fr"),
    *("outlook.es", "outlook.it", "free.fr", "sfr.fr", "att.net", "web.com", "gmx.us", "fastmail.fm", "hotmail.nl"),
)
"""Domains that look like a mistake and are none."""

LONG = 9
"""Characters from which on two mistakes still tell which domain was meant."""


def suggestion(address: str) -> str | None:
    """The address that was probably meant; None when there is nothing to ask."""
    local, _, domain = address.rpartition("@")
    meant = _meant(domain.lower())
    return f"{local}@{meant}" if meant else None


@cache
def _known() -> frozenset[str]:
    return frozenset((*PROVIDERS, *RIGHT))


@lru_cache(maxsize=10_000)  # comparing with each provider takes a millisecond
def _meant(domain: str) -> str | None:
    if domain in _known() or domain.count(".") > 2 or len(domain) > 20:
        return None
    distance, best = min((_distance(domain, provider), provider) for provider in PROVIDERS)
    return best if distance <= (2 if len(best) >= LONG else 1) else None


def _distance(first: str, second: str) -> int:
    """Letters to insert, delete, change, or swap with their neighbour (optimal string alignment); 3 is "many"."""
    if abs(len(first) - len(second)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, last, row = row, before, [i]
        for j, b in enumerate(second, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and b == first[i - 2]:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return row[-1]
