"""Codes in reports and answers: where one is read, and what it says (RFC 3463, RFC 5248, RFC 5321 4.2).

A code counts only where a code stands: behind a three-digit reply, behind "#", behind "Status:", or first in a field.
Numbers elsewhere are pieces of IP addresses, dates, ports, queue ids and versions.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from newsletter.mail.failures.verdicts import FailureKind

_ENHANCED = r"([45]\.[0-7]\.\d{1,3})(?!\.?\w)(?![:/\-]\d)"
_REPLY = r"(?<![\w.])(?<!\d[:\-/])(?<!\]:)[45][0-7]\d"
_BESIDE_A_REPLY = re.compile(
    rf"{_REPLY}[ \-,:\t]{{1,3}}(?:[45]\d\d[ \-]{{1,2}})?[#'\"(<\[]{{0,2}}{_ENHANCED}"
    rf"|(?<!\w)\#\s?{_ENHANCED}"
    rf"|\b(?:status|dsn)\s?[:=]\s?{_ENHANCED}",
    re.ASCII | re.IGNORECASE,
)
_FIRST = re.compile(rf"\s*{_ENHANCED}", re.ASCII)
_REPLY_ALONE = re.compile(
    r"(?:^[ \t]*(?:<<<[ \t]*)?|[;('\"<>]\s?|(?<!\d)(?<!\]):\s?|\b(?:said|returned|code|was|error)\s)"
    r"([45][0-7]\d)(?![\w.])(?=[ \-\r\n]|$)",
    re.ASCII | re.IGNORECASE | re.MULTILINE,
)
_PARAGRAPH_END = re.compile(r"\n[ \t\r]*\n")

_VAGUE = frozenset(["0.0", "1.0", "1.11", "1.20", "2.0", "2.1", "3.0", "5.0"])
"""Codes that servers write for any failure. 2.1 is a disabled mailbox, for good or for a day: words must say which."""
_MAILBOX = frozenset(["1.1", "1.2", "1.3", "1.6", "1.10"])
"""No such mailbox or system, no address, moved, null MX (RFC 7505)."""
_US = frozenset(["1.7", "1.8", "1.90", "2.3", "3.4", "4.5"])
"""Our address, Microsoft's daily limit, a mail too large, Gmail's daily limit."""
_US_SUBJECTS = frozenset("567")
"""Protocol, content, policy."""
_US_REPLIES = frozenset(["530", "534", "535", "538", "541", "571"])
"""Authentication (RFC 4954), and what spam filters answer."""


class Code(NamedTuple):
    """A code, and what it says."""

    text: str
    kind: FailureKind | None
    """None for codes that say nothing by themselves: words decide."""
    temporary: bool
    """4xx or 4.x.x: the mailbox may be there tomorrow."""


NO_CODE = Code("", None, False)


def read_code(diagnostic: str, status: str, text: str) -> Code:
    """The code with the best evidence: the remote's own in `diagnostic`, then `status`, then a three-digit reply.

    `text`, the report in words, is read where `diagnostic` has no code and `status` has none or a vague one.
    """
    reply = _reply(diagnostic)
    temporary = reply.startswith("4")
    if own := beside_a_reply(diagnostic) or _first(diagnostic):
        return _enhanced(own, temporary)
    stated = _first(status)
    if stated and _enhanced(stated).kind:
        return _enhanced(stated, temporary)
    if own := "" if reply else beside_a_reply(text):
        return _enhanced(own)
    if stated:
        return _enhanced(stated, temporary)
    return _three_digits(reply or _reply(text))


def beside_a_reply(text: str) -> str:
    """The first enhanced code of `text` that stands where a code stands; one that says something is preferred."""
    found = [next(filter(None, match)) for match in _BESIDE_A_REPLY.findall(text)]
    return next((code for code in found if _enhanced(code).kind), found[0] if found else "")


def answer_in(text: str) -> str:
    """The remote's answer in a report: from the first code to the end of its paragraph; empty without a code."""
    found = [match.start() for match in (_BESIDE_A_REPLY.search(text), _REPLY_ALONE.search(text)) if match]
    return _PARAGRAPH_END.split(text[min(found) :], maxsplit=1)[0] if found else ""


def _first(field: str) -> str:
    match = _FIRST.match(field)
    return match[1] if match else ""


def _reply(text: str) -> str:
    match = _REPLY_ALONE.search(text)
    return match[1] if match else ""


def _enhanced(code: str, temporary: bool = False) -> Code:
    group, about = code[0], code[2:]
    temporary = temporary or group == "4"
    return Code(code, _meaning(about, group == "4"), temporary)


def _meaning(about: str, temporary: bool) -> FailureKind | None:
    if about in _VAGUE:
        return None
    if about in _MAILBOX:
        return FailureKind.MAILBOX
    if about[0] in _US_SUBJECTS or (about in _US and not (temporary and about == "4.5")):
        return FailureKind.US
    return None if about.startswith("1.") and about not in ("1.4", "1.5", "1.9") else FailureKind.MOMENT


def _three_digits(reply: str) -> Code:
    if reply in _US_REPLIES:
        return Code(reply, FailureKind.US, False)
    moment = reply.startswith("4") or reply == "552"  # 552: storage is exhausted (RFC 5321 4.2.3)
    return Code(reply, FailureKind.MOMENT if moment else None, reply.startswith("4"))
