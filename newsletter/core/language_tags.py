"""Language tags as HTML's lang attribute has them (BCP 47, RFC 5646): "en", "pt-BR", "zh-Hant-TW"."""

from __future__ import annotations

import re

from markupsafe import Markup

LONGEST_TAG = 35
"""Characters: what RFC 5646 (4.4.1) tells programs with bounds to take at least."""

_TAG = re.compile(
    r"[a-z]{2,3}(?:-[a-z]{3}){0,3}"  # language and extended language; longer names are reserved, and none is in use
    r"(?:-[a-z]{4})?"  # script
    r"(?:-(?:[a-z]{2}|[0-9]{3}))?"  # region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*"  # extensions
    r"(?:-x(?:-[a-z0-9]{1,8})+)?"  # private use
)


def canonical_tag(text: str) -> str | None:
    """The tag in its usual capitals: "DE-at" becomes "de-AT". None when it is no well-formed tag, or too long.

    Tags of private use alone ("x-klingon") and the registered ones that break the rules ("i-default") are not taken.
    """
    lower = text.lower()
    if len(text) > LONGEST_TAG or not text.isascii() or not _TAG.fullmatch(lower):
        return None
    language, *others = lower.split("-")
    tag, in_extension = [language], False
    for subtag in others:
        in_extension = in_extension or len(subtag) == 1
        tag.append(subtag if in_extension else _CAPITALS.get(len(subtag), str.lower)(subtag))
    return "-".join(tag)


_CAPITALS = {2: str.upper, 4: str.title}
"""A region and a script by their length; the digits of others have no capitals (RFC 5646, 2.1.1)."""


def lang_attribute(tag: str, around: str) -> Markup:
    """` lang="de"` for an element in the language `tag`; nothing where that is the language around it."""
    return Markup() if tag == around else Markup(' lang="{}"').format(tag)
