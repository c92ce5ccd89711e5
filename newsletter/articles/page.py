"""Parsing an article page of Dispatch that was saved as text.

The real page has: "Skip to content", "Policy · May 2, 2026", title, dek, "Trust69", "HypeSome hype",
"1 source · cross-referenced", "ShareXLinkedInEmail" (buttons), "TL;DR" with its points, paragraphs, "Sources" with a
numbered list, "Also on Policy", the site's footer. Dek and TL;DR may be missing. All fields are plain text.

Two things can be added. Lines like "Language: de" before the section say what the saved text lacks (`page_head`), and
lines like "Independent sources 12/30" after the trust score are its parts (`page_trust`). Where a page says that it is
Markdown, its points and paragraphs are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from newsletter.articles.errors import PageError, quoted
from newsletter.articles.models import Markup, Source, TrustPart
from newsletter.articles.page_head import DATE, read_head
from newsletter.articles.page_lines import LineUse, PageLines, lines, plain
from newsletter.articles.page_trust import read_trust, scores_follow
from newsletter.articles.rubric_parts import RubricPart, shipped_rubric
from newsletter.articles.sources import is_numbered, read_source
from newsletter.core import markdown
from newsletter.core.languages import PUBLICATION_LANGUAGE
from newsletter.core.name_rules import LONGEST_NAME, is_name

# Tables of our own: strptime reads the names of the machine's language.
_FIRST_HALF = ("January", "February", "March", "April", "May", "June")
_SECOND_HALF = ("July", "August", "September", "October", "November", "December")
_MONTHS = {form: n for n, name in enumerate(_FIRST_HALF + _SECOND_HALF, 1) for form in (name, name[:3])} | {"Sept": 9}
_COUNT = re.compile(r"([0-9]{1,4}) sources? · cross-referenced")
_NAMES = r"[A-Z][A-Za-z]*"
_LAST_WORD = r" (?:link|page|article)"
_SHARE = re.compile(rf"Share(?:{_NAMES}(?:{_LAST_WORD}{_NAMES})*(?:{_LAST_WORD})?)?|Share(?: (?:X|LinkedIn|Email))+")
"""A row of buttons, such as "ShareXLinkedInEmailWhatsAppCopy link": no word of a text is written so. The names are one
run of letters here: parting them would take twice as long for each letter more."""
_TLDR = re.compile(r"TL\s?;?\s?DR\b", re.I)
_TLDR_HEADING = re.compile(_TLDR.pattern + r"\s*[:.–—-]?", re.I)


@dataclass(frozen=True)
class ParsedPage:
    """The fields of an article page, by the names of `Revision`."""

    section: str
    date: date
    title: str
    dek: str
    """Empty if the page has none."""
    trust: int
    """0 to 100."""
    hype: str
    source_count: int
    """As the page says it; the list may be shorter."""
    sources: tuple[Source, ...]
    bullets: tuple[str, ...]
    paragraphs: tuple[str, ...]
    """Without empty lines inside; of Markdown, the whole text is one."""
    language: str = PUBLICATION_LANGUAGE
    """A canonical BCP 47 tag."""
    written_by: str = ""
    checked_by: str = ""
    ai_use: str = ""
    markup: Markup = Markup.TEXT
    """Of the bullets and paragraphs."""
    trust_parts: tuple[TrustPart, ...] = ()
    """Where the page gives them, their points sum to the score."""
    outdated: PageError | None = None
    """The error of parts that an older rubric alone has: an article may have them already, and cannot get them."""

    def content(self) -> dict[str, Any]:
        """The same as `Revision.content()` of a revision that holds this page."""
        return {
            "language": self.language,
            "section": self.section,
            "date": self.date,
            "title": self.title,
            "dek": self.dek,
            "written_by": self.written_by,
            "checked_by": self.checked_by,
            "ai_use": self.ai_use,
            "trust": self.trust,
            "trust_parts": [asdict(part) for part in self.trust_parts] or None,
            "hype": self.hype,
            "source_count": self.source_count,
            "sources_json": [asdict(source) for source in self.sources],
            "markup": self.markup,
            "bullets": list(self.bullets),
            "body": "\n\n".join(self.paragraphs),
        }


def parse_page(
    data: bytes | str,
    hype_labels: Sequence[str],
    *,
    language: str = PUBLICATION_LANGUAGE,
    markup: Markup = Markup.TEXT,
    parts: Sequence[RubricPart] | None = None,
) -> ParsedPage:
    """Parse a saved page. Raises PageError, with line and reason, unless it is a whole article page.

    `language` and `markup` are those of a page which says none. `parts` are those of the rubric in force (None: of the
    shipped one).
    """
    return parse_lines(PageLines(lines(data)), hype_labels, language=language, markup=markup, parts=parts)


def parse_lines(
    page: PageLines,
    hype_labels: Sequence[str],
    *,
    language: str = PUBLICATION_LANGUAGE,
    markup: Markup = Markup.TEXT,
    parts: Sequence[RubricPart] | None = None,
) -> ParsedPage:
    """The same of lines, which are told what they were taken for, also where the page is refused."""
    if plain(page.peek()) == "Skip to content":
        page.take("the section")
        page.note(LineUse.LEFT_OUT)
    head = read_head(page)
    section, day = _section_and_date(page)
    title, dek = _title_and_dek(page)
    trust, trust_parts = read_trust(page, shipped_rubric()[1] if parts is None else parts)
    hype, source_count = _hype(page, hype_labels), _source_count(page)
    if _is_share(page.peek()) or (page.peek().startswith("Share") and _is_tldr(page.peek(1))):
        page.take("the text")
        page.note(LineUse.LEFT_OUT)
    bullets = _bullets(page)
    sources_at = _sources_at(page)
    if not bullets:
        _refuse_other_tldr(page, sources_at)
    markup = head.markup or markup
    body = page.lines[page.at : sources_at]
    for number, line in enumerate(body, page.at + 1):
        if line.strip():
            page.note(LineUse.LEFT_OUT if _is_share(line) else LineUse.BODY, number)
    paragraphs = _paragraphs(body) if markup == Markup.TEXT else _markdown(body, page.at + 1)
    if not bullets and not paragraphs:
        raise PageError(sources_at + 1, "page.no_text", "The article has no text before its sources.")
    return ParsedPage(
        section=section,
        date=day,
        title=title,
        dek=dek,
        trust=trust,
        trust_parts=trust_parts,
        hype=hype,
        source_count=source_count,
        sources=_sources(page, sources_at),
        bullets=bullets,
        paragraphs=paragraphs,
        language=head.language or language,
        written_by=head.written_by,
        checked_by=head.checked_by,
        ai_use=head.ai_use,
        markup=markup,
    )


def _section_and_date(page: PageLines) -> tuple[str, date]:
    section, dot, words = plain(page.take("the section and the date")).rpartition("·")
    section = section.strip()
    if not dot or not section:
        raise PageError(
            page.at,
            "page.no_section",
            "This is not an article page: it should begin with section and date, like “Policy · May 2, 2026”.",
        )
    if not is_name(section):
        raise PageError(
            page.at,
            "page.section_name",
            "%(section)s is no name of a section: it may have %(longest)s printable characters.",
            section=quoted(section),
            longest=LONGEST_NAME,
        )
    shown = quoted(words.strip())
    found = DATE.fullmatch(words.strip())
    if found is None:
        raise PageError(page.at, "page.no_date", "%(date)s is not a date like “May 2, 2026”.", date=shown)
    page.note(LineUse.SECTION_AND_DATE)
    try:
        return section, date(int(found[3]), _MONTHS[found[1].capitalize()], int(found[2]))
    except (KeyError, ValueError) as error:
        raise PageError(
            page.at, "page.impossible_date", "%(date)s is a date that does not exist.", date=shown
        ) from error


def _title_and_dek(page: PageLines) -> tuple[str, str]:
    if scores_follow(page):
        raise PageError(page.at, "page.no_title", "The title is missing after this line.")
    title = page.take("the title")
    page.note(LineUse.HEADLINE)
    if scores_follow(page) or re.fullmatch(r"Trust\s*[0-9]+", page.peek()):
        return title, ""
    dek = page.take("the trust score")
    page.note(LineUse.DEK)
    return title, dek


def _hype(page: PageLines, labels: Sequence[str]) -> str:
    line = plain(page.take("the hype label"))
    if not line.startswith("Hype"):
        raise PageError(
            page.at,
            "page.no_hype",
            "The hype label (like “HypeSome hype”) is missing before %(line_text)s.",
            line_text=quoted(line),
        )
    label = line.removeprefix("Hype").strip()
    if label not in labels:
        raise PageError(
            page.at,
            "page.unknown_hype",
            "The hype label is %(label)s, but it must be one of %(labels)s.",
            label=quoted(label),
            labels=", ".join(labels),
        )
    page.note(LineUse.HYPE)
    return label


def _source_count(page: PageLines) -> int:
    line = plain(page.take("the number of sources"))
    found = _COUNT.fullmatch(line)
    if found is None:
        raise PageError(
            page.at,
            "page.no_source_count",
            "%(line_text)s should be a line like “2 sources · cross-referenced”.",
            line_text=quoted(line),
        )
    page.note(LineUse.SOURCE_COUNT)
    return int(found[1])


def _is_share(line: str) -> bool:
    return _SHARE.fullmatch(plain(line)) is not None


def _is_tldr(line: str) -> bool:
    return _TLDR_HEADING.fullmatch(plain(line)) is not None


def _refuse_other_tldr(page: PageLines, end: int) -> None:
    """Raise PageError where a TL;DR stands that is not read as one: it would become part of the text."""
    for number, line in enumerate(page.lines[page.at : end], page.at + 1):
        if _TLDR.match(plain(line)):
            raise PageError(
                number,
                "page.stray_tldr",
                "%(line_text)s does not stand where TL;DR does: below the buttons, on a line of its own.",
                line_text=quoted(line.strip()),
            )


def _bullets(page: PageLines) -> tuple[str, ...]:
    if not _is_tldr(page.peek()):
        return ()
    page.take("TL;DR")
    page.note(LineUse.HEADING)
    bullets: list[str] = []
    # An empty line ends the list: what begins with "•" after it is the article's own list.
    while page.peek().startswith("•") and (not bullets or page.lines[page.at].strip()):
        bullets.append(page.take("a point").removeprefix("•").strip())
        page.note(LineUse.POINT)
        if not bullets[-1]:
            raise PageError(page.at, "page.empty_point", "This point of TL;DR is empty.")
    if not bullets:
        raise PageError(page.at, "page.no_points", "TL;DR has no points (lines that begin with “•”).")
    return tuple(bullets)


def _sources_at(page: PageLines) -> int:
    """The index of the heading "Sources": the last such line before a numbered list, since a text can hold the word."""
    empty_heading, following = 0, ""
    for number in range(len(page.lines), page.at, -1):
        line = page.lines[number - 1].strip()
        if line == "Sources":
            if is_numbered(following):
                return number - 1
            empty_heading = empty_heading or number
        following = line or following
    if empty_heading:
        raise PageError(empty_heading, "page.no_sources", "No source is listed under “Sources”.")
    raise PageError(page.last, "page.cut_off_sources", "The page is cut off: its “Sources” are missing.")


def _paragraphs(body: list[str]) -> tuple[str, ...]:
    text = "\n".join(line.rstrip() for line in body if not _is_share(line))
    return tuple(paragraph.strip() for paragraph in re.split(r"\n{2,}", text) if paragraph.strip())


def _markdown(body: list[str], first_line: int) -> tuple[str, ...]:
    """The whole body as it stands: blanks at the ends of lines, and empty lines, mean something."""
    text = "\n".join(line for line in body if not _is_share(line))
    text = re.sub(r"\A(?:[ \t]*\n)+", "", text).rstrip()
    if len(text) > markdown.LONGEST:
        raise PageError(
            first_line,
            "page.markdown_too_long",
            "The text has %(length)d characters of Markdown; at most %(most)d are allowed.",
            length=len(text),
            most=markdown.LONGEST,
        )
    return (text,) if text else ()


def _sources(page: PageLines, heading: int) -> tuple[Source, ...]:
    """The list under the heading, which "Also on …" ends."""
    sources: list[Source] = []
    page.note(LineUse.HEADING, heading + 1)
    for number, line in enumerate(page.lines[heading + 1 :], heading + 2):
        if plain(line).startswith("Also on "):
            for rest in range(number, len(page.lines) + 1):
                if page.lines[rest - 1].strip():
                    page.note(LineUse.LEFT_OUT, rest)
            return tuple(sources)
        if source := read_source(line):
            sources.append(source)
            page.note(LineUse.SOURCE, number)
        elif line.strip():
            raise PageError(
                number,
                "page.no_source",
                "%(line_text)s is not a source like “1. 01The Verge — AIIts headline”.",
                line_text=quoted(line.strip()),
            )
    raise PageError(page.last, "page.cut_off_end", "The page is cut off: its “Also on” line is missing.")
