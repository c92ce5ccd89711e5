"""The phrases of bounce_words.toml, and which of them decides what an answer is about."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from newsletter.mail.failures.phrase_search import PhraseList
from newsletter.mail.failures.plain_words import fold, plain_words
from newsletter.mail.failures.verdicts import FailureKind

_SHORT = 4
_SUBJECT = re.compile(
    r"^[ \t]*(?:subject|betreff|objet|asunto|oggetto|onderwerp|temat|assunto|тема|件名|主题)[ \t]*:.*$",
    re.IGNORECASE | re.MULTILINE,
)


class Phrase(NamedTuple):
    """A phrase that an answer has, as bounce_words.toml writes it: names that stand in its gaps are left out."""

    kind: FailureKind
    words: str


def find_phrase(text: str) -> Phrase | None:
    """The phrase that decides what `text` is about; None when it has none.

    Words about us win over words about the moment, and both over words about the mailbox (`judging` says why).
    """
    words = _phrases("nothing").without(plain_words(text, _block_list_hosts()).split())
    for kind in (FailureKind.US, FailureKind.MOMENT, FailureKind.MAILBOX):
        if found := _phrases(kind.value).find(words):
            return Phrase(kind, found)
    return None


def own_words(text: str) -> str:
    """A report without the mail that it encloses and without its subject: both may speak of spam, or of anything."""
    copy = _copies().search(text)
    return _SUBJECT.sub("", text[: copy.start()] if copy else text)


def is_known_word(word: str) -> bool:
    """Whether servers use `word` of any mailbox: it stands in a phrase, or is among the common words."""
    bare, folded = word.casefold(), fold(word)
    written, whole, stems = _vocabulary()
    if bare in written or not folded:
        return True
    # Folding makes "doe" and "do" the same: a short word is known only as it is written.
    return len(bare) > _SHORT and all(part in whole or part.startswith(stems) for part in folded.split())


@cache
def _vocabulary() -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """All words of all phrases, as they are written and folded, and the beginnings of those with any ending."""
    sections = ("mailbox", "moment", "us", "nothing")
    phrases = [phrase for section in sections for listed in _document()[section].values() for phrase in listed]
    words = {word for phrase in [*phrases, *_document()["common"]["words"]] for word in phrase.split()}
    stems = tuple({fold(word[:-1]) for word in words if word.endswith("*") and len(word) > 4})
    return frozenset(words), frozenset(part for word in words for part in fold(word).split()), stems


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("bounce_words.toml").read_text(encoding="utf-8"))


@cache
def _phrases(section: str) -> PhraseList:
    return PhraseList(phrase for phrases in _document()[section].values() for phrase in phrases)


@cache
def _copies() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, _document()["copies"]["markers"])), re.IGNORECASE)


@cache
def _block_list_hosts() -> frozenset[str]:
    return frozenset(_document()["block_lists"]["hosts"])
