"""Taking people out of the words of mail servers: local parts, names, and numbers of persons and accounts.

Servers write "user jdoe unknown", "Ada Lovelace's mailbox is full", "account 48123 is closed". Words that
servers use of all mailboxes alike stay: those of `bounce_words.toml`, and others that do not stand where a name would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.mail.failures.phrases import is_known_word

GONE = "…"

_TOKEN = re.compile(r"""[^\s:=()<>\[\]{}"',;|!?]+""")
_OF_A_PERSON = re.compile(
    r"users?|username|userid|uid|mailbox|mailboxes|inbox|account|accounts|customer|recipient|recipients|login|alias"
    r"|benutzer|nutzer|empf(?:ä|ae)nger|postfach|konto|kunde|utilisateur|destinataire|compte|usuario|destinatario|cuenta"
    r"|utente|account|gebruiker|ontvanger",
    re.IGNORECASE,
)
_LINK = re.compile(r"for|of|id|name|named|no\.?|nr\.?|number|nummer|is|#", re.IGNORECASE)
_CODE = re.compile(r"[245]\d\d(?:[.-].*)?|[245]\.\d{1,3}\.\d{1,3}|\#[245]\.\d{1,3}\.\d{1,3}", re.ASCII)
_NUMBER = re.compile(r"(?<![\w.])\+?(?:\d{6,}|(?:\(?\d{1,6}\)?[ /-]){2,}\d{2,}|\d{2,6}[ /-]\d{4,})(?![\w.])", re.ASCII)
_LETTERS = re.compile(r"[^\W\d_]+(?:[-’][^\W\d_]+)*")
_PIECE = re.compile(r"[^\W\d_]{3,}")
_TELLING = 5
"""Letters of a piece that name a reader inside of another word too ("jlovelace", "ada_lovelace")."""


def hide_local_part(text: str, local: str) -> str:
    """`text` without the local part of an address, as it is, without dots and detail, and in pieces."""
    base = local.partition("+")[0]
    whole = {local, base, base.replace(".", ""), base.replace(".", " ")}
    pieces = {piece for piece in _PIECE.findall(local) if not is_known_word(piece)}
    for name in sorted((name for name in whole | pieces if len(name) > 2), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", GONE, text, flags=re.IGNORECASE)
    for piece in sorted((piece for piece in pieces if len(piece) >= _TELLING), key=len, reverse=True):
        text = re.sub(rf"\w*{re.escape(piece)}\w*", GONE, text, flags=re.IGNORECASE)
    return text


def hide_people(text: str) -> str:
    """`text` without what stands where servers name a mailbox, without names of persons and without long numbers."""
    text = _NUMBER.sub(lambda found: found[0] if _is_code(found[0]) else GONE, text)
    tokens = list(_TOKEN.finditer(text))
    spans = sorted({*_named_mailboxes(tokens), *_names(text, tokens)}, reverse=True)
    for start, end in spans:
        text = text[:start] + GONE + text[end:]
    return text


def _named_mailboxes(tokens: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """The word behind "user" and the like, unless it is one that servers use of any mailbox."""
    for position, token in enumerate(tokens):
        if not _OF_A_PERSON.fullmatch(token[0]):
            continue
        rest = tokens[position + 1 : position + 4]
        while rest and _LINK.fullmatch(rest[0][0]):
            rest = rest[1:]
        if rest and not _says_nothing_of_a_person(rest[0][0]):
            yield rest[0].span()


def _says_nothing_of_a_person(word: str) -> bool:
    bare = word.strip(".-_*/\\`’")
    return len(bare) < 2 or GONE in word or _is_code(word) or is_known_word(bare)


def _names(text: str, tokens: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """Two or more words with a capital in a row, none of which servers use: "Ada Lovelace", "Lovelace, Ada"."""
    run: list[re.Match[str]] = []
    for token in [*tokens, None]:
        follows = token is not None and run and text[run[-1].end() : token.start()] in (" ", ", ")
        if token is not None and _may_be_a_name(token[0]) and (follows or not run):
            run.append(token)
            continue
        if len(run) > 1:
            yield run[0].start(), run[-1].end()
        run = [token] if token is not None and _may_be_a_name(token[0]) else []


def _may_be_a_name(word: str) -> bool:
    bare = word.strip(".")
    if len(bare) == 1:
        return bare.isupper()  # an initial
    return (
        bare[:1].isupper() and not bare.isupper() and _LETTERS.fullmatch(bare) is not None and not is_known_word(bare)
    )


def _is_code(word: str) -> bool:
    return _CODE.fullmatch(word) is not None
