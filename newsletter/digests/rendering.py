"""Rendering a digest: once for each language, cut into blocks, put together again for each edition.

MJML compiles the whole digest with a marker before each article, and the HTML is cut at the markers. Head, a subset of
the blocks, and foot are the same HTML as compiling the subset alone, so an edition costs a concatenation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import orjson

from newsletter.articles.models import Revision
from newsletter.core import clock, paths
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.languages import ENGLISH, Language, language_of
from newsletter.core.tokens import random_token
from newsletter.digests.blocks import article_block
from newsletter.digests.text import CADENCE_NAMES, one_line, paragraphs
from newsletter.mail import return_path
from newsletter.mail.frame import frame_values
from newsletter.mail.headers import phrase
from newsletter.mail.message import Message
from newsletter.mail.mjml import compile_mjml, mjml_template, text_template


class DigestContent(Protocol):
    """The parts of a digest that rendering needs, as a `digests.models.Digest` has them: plain text."""

    @property
    def subject(self) -> str: ...
    @property
    def preheader(self) -> str: ...
    @property
    def intro(self) -> str: ...
    @property
    def cadence(self) -> Cadence: ...
    @property
    def revisions(self) -> Sequence[Revision]: ...


@dataclass(frozen=True)
class RenderedDigest:
    """A digest in one language, frozen, as plain values."""

    language: str
    subject: str
    placeholder: str
    """The place of a reader's token; random, so that no article can hold it."""
    mjml: str
    """The source that the HTML was compiled from, with its markers."""
    html_head: str
    html_blocks: tuple[str, ...]
    html_foot: str
    text_head: str
    text_blocks: tuple[str, ...]
    text_foot: str

    @property
    def full_mask(self) -> int:
        """The edition with every article."""
        return (1 << len(self.html_blocks)) - 1

    def edition(self, mask: int) -> tuple[str, str]:
        """HTML and text of the articles whose bit is set: bit i stands for the article at position i.

        Raises ValueError for a mask without an article, or with an article that is not there.
        """
        if not 0 < mask <= self.full_mask:
            raise ValueError(f"no edition of this digest has the mask {mask}")
        chosen = [i for i in range(len(self.html_blocks)) if mask >> i & 1]
        html = "".join([self.html_head, *(self.html_blocks[i] for i in chosen), self.html_foot])
        text = "".join([self.text_head, *(self.text_blocks[i] for i in chosen), self.text_foot])
        return html, text

    def to_json(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, data: bytes) -> RenderedDigest:
        values: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in orjson.loads(data).items()
        }
        return cls(**values)


def render_digest(
    digest: DigestContent, settings: Settings, *, day: date | None = None, language: str = ENGLISH
) -> RenderedDigest:
    """Render `digest` in `language`, dated `day`: unless given, today in the publication's zone."""
    words = language_of(language)
    placeholder = random_token()
    marker = re.compile(rf"\n?<!--{placeholder} \d+-->\n?")
    values = _values(digest, settings, day, words, placeholder)
    mjml = mjml_template("digest/body.mjml", words).render(values)
    text = text_template("digest/body.txt", words).render(values)
    html_head, html_blocks, html_foot = _cut(compile_mjml(mjml), marker, len(digest.revisions))
    text_head, text_blocks, text_foot = _cut(text, marker, len(digest.revisions))
    return RenderedDigest(
        language=language,
        subject=one_line(digest.subject),
        placeholder=placeholder,
        mjml=mjml,
        html_head=html_head,
        html_blocks=html_blocks,
        html_foot=html_foot,
        text_head=text_head,
        text_blocks=text_blocks,
        text_foot=text_foot,
    )


def to_message(
    rendered: RenderedDigest,
    mask: int,
    format: str,  # noqa: A002 - the column's name
    settings: Settings,
    *,
    id_salt: bytes,
    date: datetime,
    reference: tuple[tuple[str, str], ...] = (),
) -> Message:
    """The message of the edition `mask` in `format` ("html", which has a text part too, or "text")."""
    html, text = rendered.edition(mask)
    return Message(
        sender=settings.mail_from,
        sender_name=settings.publication_name,
        reply_to=settings.mail_reply_to,
        subject=rendered.subject,
        text=text,
        html=html if format == "html" else "",
        placeholder=rendered.placeholder,
        unsubscribe_url=settings.url(paths.unsubscribing(rendered.placeholder)),
        # RFC 2919: a name for people, and one that stays for their filters.
        headers=(("List-ID", f"{phrase(settings.publication_name)} <letters.{settings.public_host}>"),),
        id_domain=settings.public_host,
        id_salt=id_salt,
        date=date,
        reference=reference,
        return_path_domain=settings.return_path_domain,
        return_path_key=return_path.return_path_key(settings.suppression_key),
    )


def _values(
    digest: DigestContent, settings: Settings, day: date | None, words: Language, placeholder: str
) -> dict[str, object]:
    return {
        **frame_values(settings, words),
        "title": one_line(digest.subject),
        "preheader": one_line(digest.preheader),
        "kind": words.gettext(CADENCE_NAMES[digest.cadence]),
        "is_breaking": digest.cadence == Cadence.BREAKING,
        "day": words.day(day or clock.now().astimezone(settings.timezone).date()),
        "intro": paragraphs(digest.intro),
        "articles": [article_block(revision, settings, words) for revision in digest.revisions],
        "marker": placeholder,
        "kofi_page": settings.kofi_page,
        "preferences_url": settings.url(paths.preferences(placeholder)),
        "unsubscribe_url": settings.url(paths.unsubscribing(placeholder)),
    }


def _cut(whole: str, marker: re.Pattern[str], articles: int) -> tuple[str, tuple[str, ...], str]:
    """Head, blocks and foot. A marker stands before each block and after the last; a missing one is a bug."""
    head, *blocks, foot = (piece + "\n" for piece in marker.split(whole))
    if len(blocks) != articles:
        raise RuntimeError(f"{articles} articles were rendered into {len(blocks)} blocks")
    return head, tuple(blocks), foot
