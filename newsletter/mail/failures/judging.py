"""Judges what a failure says of the reader.

Codes are the first evidence, in the order of `read_code`; words decide where a code says nothing (5.0.0, 5.1.0, none),
and can take a verdict back. Where evidence contradicts itself:

- Words about us win over every code and word: relays write "550 5.1.1 … sent to too many recipients this hour", and a
  bad day for the sender must not cost readers.
- Words about the moment win over codes and words about the mailbox: "552 5.1.1 mailbox full".
- Words about the mailbox beside a code that says something else ("550 5.7.1 no such user", "450 user unknown") are
  about the moment. Neither is believed, and the reader is counted with the soft bounces.
- A failure that says nothing is about the moment.

The reason is the price of an error: a wrong "mailbox" shuts a reader out for good, while a missed one costs a few mails
until soft bounces end the subscription.
"""

from __future__ import annotations

from newsletter.mail.failures.codes import Code, answer_in, read_code
from newsletter.mail.failures.phrases import Phrase, find_phrase, own_words
from newsletter.mail.failures.plain_words import LONGEST
from newsletter.mail.failures.verdicts import FailureKind, Verdict

MAILBOX, MOMENT, US = FailureKind.MAILBOX, FailureKind.MOMENT, FailureKind.US


def judge(diagnostic: str, status: str, text: str) -> Verdict:
    """The verdict on a report: on its Diagnostic-Code and Status (RFC 3464; empty if there is none) and its text.

    A report's text is read where its Diagnostic-Code has no words that are known: the remote's answer in it first, then
    the reporting server's own words, which are the same for many failures.
    """
    said, text = _without_type(diagnostic[:LONGEST]), own_words(text[:LONGEST])
    code = read_code(said, status[:LONGEST], text)
    return weigh(code, next(filter(None, map(find_phrase, (said, status, answer_in(text), text))), None))


def judge_smtp(code: int, text: str) -> Verdict:
    """The verdict on an answer of 400 or more to MAIL, RCPT, DATA or the end of a mail.

    `text` is the answer with or without its three digits. A temporary answer is about the moment.
    """
    said = text[:LONGEST] if text.startswith(str(code)) else f"{code} {text[:LONGEST]}"
    found = read_code(said, "", "")
    if code < 500:
        return Verdict(MOMENT, found.text, "a temporary answer")
    return weigh(found, find_phrase(said))


def weigh(code: Code, phrase: Phrase | None) -> Verdict:
    """The verdict on a code and the words beside it."""
    if phrase is None:
        return _by_code(code)
    words = f'words "{phrase.words}"'
    if phrase.kind is not MAILBOX:
        return Verdict(phrase.kind, code.text, words)
    if code.temporary:
        return Verdict(MOMENT, code.text, f"{words}, and a temporary code")
    if code.kind not in (None, MAILBOX):
        return Verdict(MOMENT, code.text, f"{words}, and a code that contradicts them")
    return Verdict(MAILBOX, code.text, words)


def _by_code(code: Code) -> Verdict:
    if code.kind is None:
        return Verdict(MOMENT, code.text, "nothing that is known")
    if code.kind is MAILBOX and code.temporary:
        return Verdict(MOMENT, code.text, "a temporary code")
    return Verdict(code.kind, code.text, f"code {code.text}")


def _without_type(diagnostic: str) -> str:
    """A Diagnostic-Code without the type before it ("smtp; 550 …", RFC 3464 2.3.6)."""
    kind, semicolon, said = diagnostic.partition(";")
    return said.strip() if semicolon and kind.strip().replace("-", "").isalnum() else diagnostic.strip()
