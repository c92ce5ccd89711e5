"""Findings about the texts that editors wrote: their length, what was left over in them, and their headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from newsletter.core.markdown import block_mail_html
from newsletter.digests.findings import Finding
from newsletter.digests.models import Digest
from newsletter.mail.html_references import References

SHOWN_SUBJECT = 60
"""Characters of a subject that most mail programs show; phones show about 40."""
SHOWN_PREHEADER = 90
"""Characters of a preheader that they show."""

_PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|TBD|TKTK|XXX)\b|(?i:\blorem ipsum\b)|\{\{|\{%")
_HEADING = re.compile("h[1-6]")


def check_texts(digest: Digest) -> Iterator[Finding]:
    """The findings on subject, preheader and intro, and what was left over in these and in the stories."""
    yield from _check_length("subject", digest.subject, SHOWN_SUBJECT)
    yield from _check_length("preheader", digest.preheader, SHOWN_PREHEADER)
    yield from _check_headings(digest.intro)
    for name in ("subject", "preheader", "intro"):
        yield from _check_placeholders("texts", {"text": name, "place": f"The {name}"}, [getattr(digest, name)])
    for revision in digest.revisions:
        place = {"slug": revision.slug, "title": revision.title, "place": f"“{revision.title}”"}
        yield from _check_placeholders("articles", place, [revision.title, revision.dek, *revision.bullets])


def heading_jump(elements: Iterable[str], level: int = 1) -> tuple[int, int] | None:
    """The first two levels of headings, one after the other, between which one is left out; None when none is.

    `level` is that of the heading before.
    """
    for element in elements:
        if _HEADING.fullmatch(element):
            following = int(element[1])
            if following > level + 1:
                return level, following
            level = following
    return None


def _check_length(name: str, text: str, shown: int) -> Iterator[Finding]:
    if len(text) > shown:
        values = {"text": name, "place": f"The {name}", "length": len(text), "shown": shown}
        yield Finding(f"text.long_{name}", "texts",
                      "%(place)s has %(length)d characters, and most mail programs show %(shown)d.",
                      "Say what matters first, or shorten it.", values, blocks=False)  # fmt: skip


def intro_jump(intro: str) -> tuple[int, int] | None:
    """The same of the headings of an intro, which stands below the mail's own."""
    return heading_jump(References(str(block_mail_html(intro))).elements)


def _check_headings(intro: str) -> Iterator[Finding]:
    if jump := intro_jump(intro):
        values = {"text": "intro", "place": "The intro", "before": jump[0], "after": jump[1]}
        yield Finding("text.heading_order", "texts",
                      "%(place)s has a heading of level %(after)d after one of level %(before)d.",
                      "Leave no level out: screen readers lead by them.", values, blocks=False)  # fmt: skip


def _check_placeholders(where: str, place: Mapping[str, object], texts: list[str]) -> Iterator[Finding]:
    """A story may be about such words, so they are only said."""
    found = dict.fromkeys(words for text in texts for words in _placeholders(text))
    if found:
        yield Finding("text.placeholder", where, "%(place)s holds %(words)s, as if something were to be filled in.",
                      "Fill it in, unless it belongs there.", {**place, "words": ", ".join(found)},
                      blocks=False)  # fmt: skip


@lru_cache(maxsize=1000)
def _placeholders(text: str) -> tuple[str, ...]:
    """Cached: the composer looks at the same stories on each change."""
    return tuple(match[0] for match in _PLACEHOLDER.finditer(text))
