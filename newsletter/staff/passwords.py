"""Passwords: argon2id, from 12 to 128 characters, never one of the commonest."""

from __future__ import annotations

import gzip
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore, Semaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from newsletter.core.errors import InvalidError
from newsletter.core.languages import gettext_noop
from newsletter.core.storable_text import is_storable

SHORTEST, LONGEST = 12, 128
"""Characters after NFKC."""
COMMONEST = Path(__file__).parent / "common_passwords.txt.gz"
"""Sorted lines in folded case; common_passwords.LICENSE.txt says where they are from."""

hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's Password Storage Cheat Sheet: 19 MiB, two passes."""
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$jRzSTYsTr5TmhCFha2fOVg$V32d3hmJROaYiz5CumIylg/BtGqKFZc3tVYGCKP3gcM"
"""Compared with the password for an unknown address: a hash of the same cost."""
MOST_VISITORS = 4
"""Visitors whose passwords are compared or wait for it, in one process: half of its threads (`web.server.THREADS`)."""
_AT_A_TIME = Semaphore(2)
"""Each hash takes 19 MiB and a core."""
_places = BoundedSemaphore(MOST_VISITORS)


class BusyError(InvalidError):
    """More visitors than MOST_VISITORS want their passwords compared."""


@contextmanager
def place_for_visitor() -> Iterator[None]:
    """A place among the visitors whose passwords are compared. Raises BusyError when there is none: many strangers
    would otherwise take all threads, and readers would wait for their pages.
    """
    if not _places.acquire(blocking=False):
        raise BusyError(
            "sign_in.busy", gettext_noop("Too many people are signing in right now. Try again in a minute.")
        )
    try:
        yield
    finally:
        _places.release()


def hash_password(password: str, *, known_words: tuple[str, ...] = ()) -> str:
    """The hash of a new password. Raises InvalidError for one that is too short, too long, or easily guessed.

    `known_words` are the person's name and address, which make a bad password.
    """
    normal = _normal(password)
    if len(normal) < SHORTEST:
        raise InvalidError(
            "password.short",
            gettext_noop("A password has at least %(least)s characters; this one has %(count)s."),
            least=SHORTEST,
            count=len(normal),
        )
    if len(normal) > LONGEST or not is_storable(normal):
        raise InvalidError("password.long", gettext_noop("A password has at most %(most)s characters."), most=LONGEST)
    folded = normal.casefold()
    if folded in _commonest() or len(set(folded)) < 4 or folded in {word.casefold() for word in known_words}:
        raise InvalidError(
            "password.common",
            gettext_noop("This password is one of the first that anybody would try. Take four random words."),
        )
    with _AT_A_TIME:
        return hasher.hash(normal)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. Without a hash the same work is done, so that time says nothing about accounts."""
    normal = _normal(password[: 4 * LONGEST])
    if len(normal) > LONGEST:
        normal = ""  # no account has such a one
    with _AT_A_TIME:
        try:
            hasher.verify(password_hash or NOBODYS_HASH, normal)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether a hash was made at another cost than today's."""
    return hasher.check_needs_rehash(password_hash)


def rehash(password: str) -> str:
    """The hash of a password that was just found right, at today's cost."""
    with _AT_A_TIME:
        return hasher.hash(_normal(password))


def _normal(password: str) -> str:
    """One spelling for what different keyboards write (NFKC), as NIST SP 800-63B asks for."""
    return unicodedata.normalize("NFKC", password)


@cache
def _commonest() -> frozenset[str]:
    with gzip.open(COMMONEST, "rt", encoding="utf-8") as lines:
        return frozenset(line.rstrip("\n") for line in lines)
