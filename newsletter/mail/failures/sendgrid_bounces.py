"""Judges a `bounce` event of SendGrid (twilio.com/docs/sendgrid, "Event Webhook Reference").

SendGrid's `type` alone decides nothing. Only `bounce` and `blocked` can be about the mailbox; `expired`, unknown types
and no type cannot.
"""

from __future__ import annotations

from newsletter.mail.failures.codes import Code, read_code
from newsletter.mail.failures.judging import weigh
from newsletter.mail.failures.phrases import Phrase, find_phrase
from newsletter.mail.failures.plain_words import LONGEST
from newsletter.mail.failures.verdicts import FailureKind, Verdict

MAILBOX, MOMENT, US = FailureKind.MAILBOX, FailureKind.MOMENT, FailureKind.US

_ABOUT_US = ("reputation", "content", "frequency", "volume")
_TECHNICAL = "technical"
_INVALID_ADDRESS = "invalid"


def judge_sendgrid(type_: str, classification: str, status: str, reason: str) -> Verdict:
    """The verdict on the fields `type`, `bounce_classification`, `status` and `reason`."""
    code, phrase = read_code(reason[:LONGEST], status[:LONGEST], ""), find_phrase(reason)
    named = classification.strip().lower()
    for word in _ABOUT_US:
        if named.startswith(word):
            return Verdict(US, code.text, f"SendGrid's class {word}")
    if type_ == "bounce" and named.startswith(_INVALID_ADDRESS) and _says_nothing(code, phrase):
        return Verdict(MAILBOX, code.text, "SendGrid's class invalid address")
    verdict = weigh(code, phrase)
    if verdict.kind is MAILBOX and not _may_be_the_mailbox(type_, named, code, phrase):
        return Verdict(MOMENT, verdict.code, f"{verdict.why}, and SendGrid's type or class contradicts them")
    return verdict


def _says_nothing(code: Code, phrase: Phrase | None) -> bool:
    return phrase is None and code.kind is None and not code.temporary


def _may_be_the_mailbox(type_: str, named: str, code: Code, phrase: Phrase | None) -> bool:
    """`blocked` is SendGrid's word for failures that pass: it takes the code and words to say otherwise."""
    if named.startswith(_TECHNICAL):
        return False
    return type_ == "bounce" or (type_ == "blocked" and code.kind is MAILBOX and phrase is not None)
