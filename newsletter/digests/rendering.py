"""Rendering a digest: once for each language, cut into segments, put together again for each edition.

MJML compiles the whole digest, each article in full and compact, with a mark before each form, and the HTML is cut at
the cut_points. The segments of an edition are the same HTML as compiling its articles alone, so an edition costs a
concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import orjson
from markupsafe import escape

from newsletter.articles.models import Revision
from newsletter.core import clock, public_paths
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.languages import ENGLISH, Language, language_of
from newsletter.core.markdown import block_mail_html, block_text
from newsletter.core.tokens import random_token
from newsletter.digests.article_blocks import article_block
from newsletter.digests.correction_blocks import correction_block
from newsletter.digests.cutting import CutPoints
from newsletter.digests.headings import preheader_segments, subject_segments
from newsletter.digests.segments import LISTED_FROM, Segment, When, assemble, most_bytes
from newsletter.digests.text import CADENCE_NAMES, one_line
from newsletter.mail import return_path
from newsletter.mail.frame import frame_values
from newsletter.mail.headers import phrase
from newsletter.mail.message import Message
from newsletter.mail.mjml import COLUMNS, compile_mjml, mjml_template, text_template


class DigestContent(Protocol):
    """The parts of a digest that rendering needs, as a `digests.models.Digest` has them: plain text, but for the intro,
    which is Markdown."""

    @property
    def subject(self) -> str: ...
    @property
    def preheader(self) -> str: ...
    @property
    def intro(self) -> str: ...
    @property
    def intro_with_lead(self) -> bool: ...
    @property
    def cadence(self) -> Cadence: ...
    @property
    def revisions(self) -> Sequence[Revision]: ...
    @property
    def deks(self) -> Sequence[str]: ...
    @property
    def lead_position(self) -> int | None: ...


@dataclass(frozen=True)
class RenderedDigest:
    """A digest in one language, frozen, as plain values."""

    language: str
    articles: int
    corrections: int
    """Their bits in a mask follow those of the articles."""
    lead: int | None
    """The position of the lead."""
    placeholder: str
    """The place of a reader's token; random, so that no article can hold it."""
    mjml: str
    """The source that the HTML was compiled from, with its marks: each article in both forms."""
    subject: tuple[Segment, ...]
    preheader: tuple[Segment, ...]
    html: tuple[Segment, ...]
    text: tuple[Segment, ...]

    @property
    def full_mask(self) -> int:
        """The edition with every article and every correction."""
        return (1 << self.articles + self.corrections) - 1

    def edition(self, mask: int) -> tuple[str, str]:
        """HTML and text of the articles and corrections whose bit is set (`digests.segments`).

        Raises ValueError for a mask without any, or with one that is not there.
        """
        if not 0 < mask <= self.full_mask:
            raise ValueError(f"no edition of this digest has the mask {mask}")
        return assemble(self.html, mask, self.lead, self.articles), assemble(self.text, mask, self.lead, self.articles)

    def subject_of(self, mask: int) -> str:
        """The subject of an edition: the written one only where the lead is."""
        return assemble(self.subject, mask, self.lead, self.articles)

    def preheader_of(self, mask: int) -> str:
        """The preheader of an edition: the written one only where the lead is."""
        return assemble(self.preheader, mask, self.lead, self.articles)

    @property
    def most_html_bytes(self) -> int:
        """The bytes of HTML that no edition exceeds."""
        return most_bytes(self.html)

    def to_json(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, data: bytes) -> RenderedDigest:
        values: dict[str, Any] = orjson.loads(data)
        if "html_blocks" in values:
            values = _from_blocks(values)
        for name in _SEGMENTED:
            values[name] = tuple(Segment(each["text"], When(each["when"]), each["number"]) for each in values[name])
        return cls(**{"lead": FIRST_ARTICLE, "corrections": 0} | values)


FIRST_ARTICLE = 0
"""The lead of each digest that was frozen before editors could name another."""

_SEGMENTED = ("subject", "preheader", "html", "text")


def _from_blocks(old: dict[str, Any]) -> dict[str, Any]:
    """The values of a digest that was frozen before there were segments: one subject, and articles in full alone."""

    def segments(kind: str) -> list[dict[str, Any]]:
        blocks = [_plain(block, When.HOLDS, i) for i, block in enumerate(old[f"{kind}_blocks"])]
        return [_plain(old[f"{kind}_head"]), *blocks, _plain(old[f"{kind}_foot"])]

    return {
        **{name: old[name] for name in ("language", "placeholder", "mjml")},
        "articles": len(old["html_blocks"]),
        "subject": [_plain(old["subject"])],
        "preheader": [],
        "html": segments("html"),
        "text": segments("text"),
    }


def _plain(text: str, when: When = When.ALWAYS, number: int = 0) -> dict[str, Any]:
    return {"text": text, "when": when, "number": number}


def render_digest(
    digest: DigestContent,
    settings: Settings,
    letter_name: str = "",
    *,
    corrections: Sequence[Revision] = (),
    day: date | None = None,
    language: str = ENGLISH,
) -> RenderedDigest:
    """Render `digest` in `language` with the `corrections` that it carries, dated `day`: unless given, today in the
    publication's zone.

    Without a `letter_name`, as before the freeze, "Read in the browser" leads to the list of letters.
    """
    words = language_of(language)
    placeholder, cut_points = random_token(), CutPoints(random_token())
    headlines = [revision.title for revision in digest.revisions]
    lead = digest.lead_position
    subject = subject_segments(digest.subject, digest.cadence, headlines, lead, corrections)
    preheader = preheader_segments(digest.preheader, headlines, corrections)
    values = _values(digest, settings, letter_name, day, words, placeholder, cut_points)
    is_alone = digest.cadence == Cadence.CORRECTION
    values["corrections"] = [correction_block(each, settings, words, is_alone=is_alone) for each in corrections]
    mjml = mjml_template("digest/body.mjml", words).render(values)
    text = text_template("digest/body.txt", words).render(values)
    count, intro = len(headlines), _intro_condition(digest)
    return RenderedDigest(
        language=language,
        articles=count,
        corrections=len(corrections),
        lead=lead,
        placeholder=placeholder,
        mjml=cut_points.fill_in(mjml, _escape(one_line(digest.subject)), _escape(one_line(digest.preheader))),
        subject=subject,
        preheader=preheader,
        html=cut_points.cut(compile_mjml(mjml), count, subject, preheader, _escape, intro=intro),
        text=cut_points.cut(text, count, subject, preheader, str, intro=intro),
    )


def _intro_condition(digest: DigestContent) -> When:
    """The introduction speaks of the articles, so an edition without any has none; but for a digest without any."""
    if digest.intro_with_lead:
        return When.WITH_LEAD
    return When.AT_LEAST if digest.revisions else When.ALWAYS


def _escape(text: str) -> str:
    return str(escape(text))


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
        subject=rendered.subject_of(mask),
        text=text,
        html=html if format == "html" else "",
        placeholder=rendered.placeholder,
        unsubscribe_url=settings.url(public_paths.unsubscribing(rendered.placeholder)),
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
    digest: DigestContent,
    settings: Settings,
    letter_name: str,
    day: date | None,
    words: Language,
    placeholder: str,
    cut_points: CutPoints,
) -> dict[str, object]:
    return {
        **frame_values(settings, words),
        "title": cut_points.subject,
        "preheader": cut_points.preheader,
        "kind": words.gettext(CADENCE_NAMES[digest.cadence]),
        "is_breaking": digest.cadence == Cadence.BREAKING,
        "is_correction": digest.cadence == Cadence.CORRECTION,
        "day": words.day(day or clock.today(settings.timezone)),
        "intro": block_mail_html(digest.intro),
        "intro_text": block_text(digest.intro, columns=COLUMNS),
        "intro_marker": cut_points.intro,
        "articles": [
            article_block(revision, settings, words, dek=dek)
            for revision, dek in zip(digest.revisions, digest.deks, strict=True)
        ],
        "marker": cut_points.article,
        "corrections_marker": cut_points.corrections,
        "contents": len(digest.revisions) >= LISTED_FROM,
        "contents_marker": cut_points.contents,
        "letter_url": settings.url(public_paths.letter(letter_name) if letter_name else public_paths.LETTERS),
        "signup_url": settings.url(public_paths.SUBSCRIBE),
        "trust_url": settings.url(public_paths.TRUST),
        "corrections_url": settings.url(public_paths.CORRECTIONS),
        "kofi_page": settings.kofi_page,
        "preferences_url": settings.url(public_paths.preferences(placeholder)),
        "unsubscribe_url": settings.url(public_paths.unsubscribing(placeholder)),
    }
