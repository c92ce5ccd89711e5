"""Did you mean: mistakes in the domains of big providers, and domains that only look like them."""

from __future__ import annotations

import pytest

from newsletter.subscribers.signup.typos import PROVIDERS, RIGHT, suggestion


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        *((domain, "gmail.com") for domain in ("gmial.com", "gamil.com", "gmail.con", "gmail.co", "gmaill.com")),
        *((domain, "gmail.com") for domain in ("gnail.com", "gmai.com", "gmail.cm", "GMAIL.CON", "gmail.comm")),
        *((domain, "hotmail.com") for domain in ("hotmial.com", "hotmil.com", "hotmai.co", "hotnail.con")),
        *((domain, "yahoo.com") for domain in ("yaho.com", "yahooo.com", "yhaoo.com")),
        *((domain, "outlook.com") for domain in ("outlok.com", "outllok.com", "otlook.con")),
        *((domain, "icloud.com") for domain in ("iclod.com", "icloud.con", "icoud.com")),
        *((domain, "t-online.de") for domain in ("t-onlien.de", "tonline.de")),
        *((domain, "web.de") for domain in ("wed.de", "web.dee")),
        ("protonmial.com", "protonmail.com"),
        ("googlemial.com", "googlemail.com"),
    ],
)
def test_mistakes_are_noticed(typed: str, meant: str) -> None:
    assert suggestion(f"Ada+x@{typed}") == f"Ada+x@{meant}"


@pytest.mark.parametrize(
    "domain",
    [
        *PROVIDERS,
        *RIGHT,
        *("example.org", "dispatch.example", "xn--bcher-kva.example", "mail.gmail.example.com", "a.io", "uni-bonn.de"),
        *("google.com", "apple.com", "zeit.de", "bbc.co.uk", "gov.uk", "harvard.edu", "mit.edu", "x.com", "sap.com"),
    ],
)
def test_other_domains_are_left_alone(domain: str) -> None:
    assert suggestion(f"ada@{domain}") is None
