"""Campaign parameters: parts of a link that tell its site which mail, or which reader, a click came from.

The names are those of common mailing, advertising and analytics services, as the lists that browsers strip know them
(ClearURLs, Brave's and Firefox's query stripping).
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

FAMILIES = ("utm_", "mtm_", "pk_", "hsa_", "oly_", "vero_", "trk_", "bsft_")
"""Beginnings of names: each stands for a service's whole family."""

NAMES = frozenset(
    (
        *("fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "msclkid", "yclid", "ysclid"),
        *("twclid", "ttclid", "igshid", "igsh", "li_fat_id", "epik", "rdt_cid", "sccid", "rb_clickid", "wickedid"),
        *("mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "hsctatracking"),
        *("ml_subscriber", "ml_subscriber_hash", "ck_subscriber_id", "_ke", "_kx", "dm_i", "s_cid", "_openstat"),
        *("elqtrackid", "elqaid", "spmailingid", "spuserid", "spjobid"),
    )
)
"""In lower case."""

KINDS = len(FAMILIES) + len(NAMES)
"""The kinds that are looked for."""


def campaign_parameters(address: str) -> list[str]:
    """The names of the campaign parameters in an address, in its query or its fragment."""
    try:
        parts = urlsplit(address)
    except ValueError:  # "https://[": no mail program opens it
        return []
    names = [name for text in (parts.query, parts.fragment) for name, _ in parse_qsl(text, keep_blank_values=True)]
    return [name for name in names if name.lower() in NAMES or name.lower().startswith(FAMILIES)]
