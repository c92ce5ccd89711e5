"""Any input to the parser of saved pages: refused with a line, or read; and what was written is read back."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import newsletter
from newsletter.articles.errors import PageError
from newsletter.articles.models import Source
from newsletter.articles.page import ParsedPage, parse_page
from newsletter.articles.sources import publishers
from newsletter.core.config import HYPE_LABELS
from newsletter.core.name_rules import is_name

SAMPLES = Path(newsletter.__file__).parent / "embedded" / "samples"
REAL = (SAMPLES / "01-musk-testifies-xai-used-model-distillation.txt").read_text(encoding="utf-8")
ANY_LINE = st.text(max_size=30) | st.sampled_from([*REAL.split("\n"), "Sources", "TL;DR", "Trust172", "• x", "2. 02y"])


def outcome(data: str | bytes) -> ParsedPage | PageError:
    try:
        return parse_page(data, HYPE_LABELS)
    except PageError as error:
        return error


def refuses_or_reads(data: str | bytes, lines: int) -> None:
    result = outcome(data)
    if isinstance(result, PageError):
        assert result.line is not None
        assert 1 <= result.line <= lines
    else:
        assert result.title
        assert result.sources
        assert 0 <= result.trust <= 100


@settings(deadline=None)
@given(st.binary() | st.text() | st.lists(ANY_LINE).map("\n".join))
def test_any_input_is_refused_or_read(data: str | bytes) -> None:
    text = data if isinstance(data, str) else data.decode("latin-1")
    refuses_or_reads(data, text.count("\n") + text.count("\r") + 1)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 3), st.lists(ANY_LINE, max_size=2))
def test_a_mutilated_page_is_refused_or_read(start: int, deleted: int, inserted: list[str]) -> None:
    lines = REAL.split("\n")
    lines[start : start + deleted] = inserted
    text = "\n".join(lines)
    refuses_or_reads(text, text.count("\n") + text.count("\r") + 1)


@settings(deadline=None)
@given(st.integers(0, len(REAL.encode())))
def test_a_page_that_stops_anywhere_is_refused_or_whole(end: int) -> None:
    data = REAL.encode()[:end]
    result = outcome(data)
    if isinstance(result, PageError):
        assert "Also on Policy" not in data.decode(errors="replace") or "not UTF-8" in result.reason
    else:
        assert result == parse_page(REAL, HYPE_LABELS)


# Round trip: a page written from fields gives the fields back.

CHARACTERS = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff\ufffe\uffff")
KEYWORDS = ("Sources", "TL;DR", "Also on Policy", "Trust in models", "Hype", "• x", "1. 01y")
LINE = st.text(CHARACTERS, min_size=1, max_size=40).map(str.strip).filter(bool) | st.sampled_from(KEYWORDS)
PARAGRAPH = st.lists(LINE, min_size=1, max_size=3).map("\n".join)
SOURCE_LINES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(publishers()), LINE.map("T{}".format)),
        st.tuples(st.just(""), LINE.map("Zz{}".format)),
    ),
    min_size=1,
    max_size=12,
)


@st.composite
def pages(draw: st.DrawFn) -> ParsedPage:
    bullets = tuple(draw(st.lists(LINE, max_size=5)))
    paragraphs = tuple(draw(st.lists(PARAGRAPH, min_size=1, max_size=5)))
    if not bullets:  # a TL;DR anywhere else is refused
        paragraphs = tuple(paragraph.replace("TL;DR", "Text.") for paragraph in paragraphs)
    return ParsedPage(
        section=draw(LINE.map(lambda line: " ".join(line.split())).filter(is_name)),
        date=draw(st.dates(date(1000, 1, 1))),
        title=draw(LINE),
        dek=draw(st.just("") | LINE),
        trust=draw(st.integers(0, 100)),
        hype=draw(st.sampled_from(HYPE_LABELS)),
        source_count=draw(st.integers(0, 9999)),
        sources=tuple(
            Source(publisher, title, "", f"{number}. {number:02d}{publisher}{title}")
            for number, (publisher, title) in enumerate(draw(SOURCE_LINES), 1)
        ),
        bullets=bullets,
        paragraphs=paragraphs,
    )


def written(read: ParsedPage) -> str:
    points = ["TL;DR", *(f"  • {bullet}" for bullet in read.bullets), ""] if read.bullets else [""]
    return "\n".join(
        [
            "Skip to content",
            f"{read.section} · {read.date:%B} {read.date.day}, {read.date.year}",
            *("", read.title, "", *((read.dek, "") if read.dek else ())),
            *(f"Trust{read.trust}", f"Hype{read.hype}", ""),
            *(f"{read.source_count} sources · cross-referenced", "", "ShareXLinkedInEmail", *points),
            *(line for paragraph in read.paragraphs for line in (paragraph, "")),
            "Sources",
            *(f"  {source.raw}" for source in read.sources),
            f"Also on {read.section}",
        ]
    )


@settings(deadline=None)
@given(pages())
def test_a_page_gives_back_the_fields_that_it_was_written_from(read: ParsedPage) -> None:
    assert parse_page(written(read), HYPE_LABELS) == read
