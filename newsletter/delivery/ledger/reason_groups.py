"""Groups of reasons that mean the same, for a report and for a retry."""

from __future__ import annotations

import re

_CODE = re.compile(r"\b([245]\d\d)\b(?:[ -]+([245]\.\d{1,3}\.\d{1,3})\b)?", re.ASCII)
_VARYING = re.compile(r"\S*\d\S*")


def group_key(reason: str) -> str:
    """The part that reasons of one meaning share: "550 5.1.1", or the words where there is no code."""
    match = _CODE.search(reason)
    return " ".join(filter(None, match.groups())) if match else wording(reason).lower()


def wording(reason: str) -> str:
    """A reason with its code, but without the numbers, ids and hosts that differ from mail to mail."""
    match = _CODE.search(reason)
    if match is None:
        return _VARYING.sub("…", reason)
    text = _VARYING.sub("…", reason[match.end() :]).strip(" -:")
    return f"{' '.join(filter(None, match.groups()))} {text}".strip()
