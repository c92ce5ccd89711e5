"""Reading a line of a page's list of sources: publisher, title and web address.

A saved page has no space between them: "1. 01The Verge — AIElon Musk confirms…" is source 1, its ordinal "01", the
publisher "The Verge — AI" and the title. Only the names in publishers.txt show where a publisher ends.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

from newsletter.articles.models import Source

_NUMBERED = re.compile(r"\s*([0-9]{1,3})\.\s*(.*)")
_ADDRESS = re.compile(r"https?://[^\s<>\"“”]+")
_AFTER = " .,;:!?)]}'’"
_GOES_ON = re.compile(r"\s|[,;:!?)\]]|[-–.]\w|['’][a-z]")
_CAMEL = re.compile(r"[a-z]{1,3}[A-Z]")


@cache
def publishers() -> tuple[str, ...]:
    """The known publishers, the longest name first."""
    text = resources.files("newsletter.articles").joinpath("publishers.txt").read_text("utf-8")
    names = {line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")}
    return tuple(sorted(names, key=lambda name: (-len(name), name)))


def is_numbered(line: str) -> bool:
    """Whether a line has the form of a source: "  1. 01…"."""
    return _NUMBERED.fullmatch(line) is not None


def read_source(line: str) -> Source | None:
    """The source that a line shows; None if it shows none.

    Where no known publisher fits, `publisher` is empty and the title is the line without its number.
    """
    found = _NUMBERED.fullmatch(line)
    if found is None:
        return None
    number, text = int(found[1]), found[2].strip()
    text = text.removeprefix(f"{number:02d}").strip()
    if not text:
        return None
    rest, url = _split_address(text)
    publisher, title = _split_publisher(rest)
    return Source(publisher=publisher, title=title, url=url, raw=line.strip())


def _split_publisher(text: str) -> tuple[str, str]:
    plain = text.replace("\xa0", " ")  # of the same length, so positions hold for both
    for name in publishers():
        if plain.startswith(name) and _begins_title(text[len(name) :]):
            return name, text[len(name) :].strip()
    return "", text


def _begins_title(rest: str) -> bool:
    """Whether a title can begin here; otherwise the name is just the first word of one ("OpenAI’s new model").

    A title begins without a space, and with a small letter only if it is a name such as xAI, iPhone or arXiv.
    """
    return bool(rest) and not _GOES_ON.match(rest) and (not rest[0].islower() or bool(_CAMEL.match(rest)))


def _split_address(text: str) -> tuple[str, str]:
    """The text and its first web address ("" if there is none), which is cut off where it stands at the end."""
    found = _ADDRESS.search(text)
    if found is None:
        return text, ""
    url = found.group().rstrip(_AFTER)
    if not _has_host(url):
        return text, ""
    at_the_end = not text[found.start() + len(url) :].strip(_AFTER)
    before = text[: found.start()].rstrip(" \t\xa0([{—–-|:")
    return (before if at_the_end and before else text), url


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False
