"""The parser of saved pages: the real page, pages like it, and everything that is not one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import newsletter
from newsletter.articles.errors import PageError
from newsletter.articles.models import Source
from newsletter.articles.page import ParsedPage, parse_page
from newsletter.articles.page_lines import LARGEST
from newsletter.core.config import HYPE_LABELS

SAMPLES = sorted((Path(newsletter.__file__).parent / "embedded" / "samples").glob("*.txt"))
REAL = SAMPLES[0].read_text(encoding="utf-8")
MUSK = "Musk testifies xAI used model distillation with OpenAI technology in courtroom proceedings"
SOURCE = "  1. 01The Verge — AIElon Musk confirms xAI used OpenAI's models to train Grok"


def page(old: str = "", new: str = "") -> ParsedPage:
    """The real page, read with one replacement."""
    assert old in REAL
    return parse_page(REAL.replace(old, new, 1), HYPE_LABELS)


def test_the_real_page() -> None:
    read = page()
    assert (read.section, read.date, read.title) == ("Policy", date(2026, 5, 2), MUSK)
    assert read.dek.startswith("In federal court testimony, Elon Musk")
    assert read.dek.endswith("validating AI systems.")
    assert (read.trust, read.hype, read.source_count) == (69, "Some hype", 1)
    title = "Elon Musk confirms xAI used OpenAI's models to train Grok"
    assert read.sources == (Source("The Verge — AI", title, "", SOURCE.strip()),)
    assert [bullet.split()[0] for bullet in read.bullets] == ["Elon", "Musk", "Model", "OpenAI"]
    assert [paragraph.split()[0] for paragraph in read.paragraphs] == ["In", "Model", "The", "Musk's"]


@pytest.mark.parametrize(
    ("line", "language"),
    [("Language: de", "de"), ("Language:de-at", "de-AT"), ("  Language:\u00a0 ZH-hant ", "zh-Hant"), ("", "en")],
)
def test_a_page_says_its_language_before_its_section(line: str, language: str) -> None:
    for old, new in (("Skip to content\n", f"Skip to content\n\n{line}\n"), ("Skip to content\n", f"{line}\n")):
        read = page(old, new)
        assert (read.language, read.section, read.title) == (language, "Policy", MUSK)
        assert read.content() == page().content() | {"language": language}


def test_the_language_of_pages_that_say_none_can_be_given() -> None:
    assert parse_page(REAL, HYPE_LABELS, language="de").language == "de"
    said = REAL.replace("Policy ·", "Language: fr\nPolicy ·", 1)
    assert parse_page(said, HYPE_LABELS, language="de").language == "fr"


@pytest.mark.parametrize("words", ["", "English", "de_DE", "d" * 300, 'de"><script>'])
def test_a_language_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(PageError, match="is no language tag like") as refused:
        page("Policy ·", f"Language: {words}\nPolicy ·")
    assert (refused.value.line, refused.value.code) == (2, "page.wrong_language")
    assert len(refused.value.reason) < 100


def test_a_section_may_begin_with_the_word() -> None:
    assert page("Policy ·", "Language: models ·").section == "Language: models"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_a_page_that_lists_what_it_counts(path: Path) -> None:
    read = parse_page(path.read_bytes(), HYPE_LABELS)
    assert read.source_count == len(read.sources)
    assert read.dek
    assert len(read.paragraphs) >= 3


def test_the_samples_show_the_variety_of_pages() -> None:
    pages = [parse_page(path.read_bytes(), HYPE_LABELS) for path in SAMPLES]
    assert len(pages) == 10
    assert {read.hype for read in pages} == set(HYPE_LABELS)
    assert {read.section for read in pages} >= {
        "Policy",
        "Research",
        "Models",
        "Business",
        "Safety",
        "Hardware",
        "Open Source",
    }
    assert any(not read.bullets for read in pages)
    assert max(len(read.title) for read in pages) >= 135


SAME = {
    "CRLF": REAL.replace("\n", "\r\n"),
    "CR": REAL.replace("\n", "\r"),
    "BOM": "\ufeff" + REAL,
    "BOM in bytes": ("\ufeff" + REAL).encode(),
    "no way to skip": REAL.replace("Skip to content\n", ""),
    "empty lines around": "\n\n" + REAL + "\n\n",
    "non-breaking date": REAL.replace("Policy · May 2, 2026", "Policy\xa0·\xa0May\xa02,\xa02026"),
    "non-breaking hype": REAL.replace("HypeSome hype", "Hype\xa0Some\xa0hype "),
    "small month": REAL.replace("May 2", "may 2"),
    "no buttons": REAL.replace("ShareXLinkedInEmail\n", ""),
    "more buttons": REAL.replace("ShareXLinkedInEmail", "ShareXLinkedInBlueskyEmail"),
    "other buttons": REAL.replace("ShareXLinkedInEmail", "ShareFacebookTelegramCopy link"),
    "buttons in words": REAL.replace("ShareXLinkedInEmail", "Share this: X, LinkedIn"),
    "buttons again": REAL.replace("Sources\n", "ShareXLinkedInEmail\n\nSources\n"),
    "TL;DR with a colon": REAL.replace("TL;DR", "TL;DR:"),
    "TLDR": REAL.replace("TL;DR", "tldr"),
    "TL;DR with a dash": REAL.replace("TL;DR", "TL; DR –"),
    "headings after the end": REAL.replace("Also on Policy", "Also on Policy\n\nSources\nAlso on the radar"),
    "no footer": REAL.partition("Also on Policy")[0] + "Also on Policy",
}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME.keys())
def test_forms_that_change_nothing(data: str | bytes) -> None:
    assert parse_page(data, HYPE_LABELS) == page()


@pytest.mark.parametrize(
    "text",
    [
        "Grüße aus Zürich & “Köln” – naïve Übermut",
        "🤖 🎉",
        "<b>Bold</b> & <script>alert(1)</script>",
        "{{ 7 * 7 }} {% raw %} ${x} %(y)s *|NAME|*",
        ".",
        "......",
        "Sources",
        "TL;DR",
        "Trust issues",
        "Also on Policy",
        "zero\u200bwidth",
        "שלום, C++\u200e ועולם",
        "a" * 140,
    ],
)
def test_text_stays_text(text: str) -> None:
    assert page(MUSK, text).title == text
    assert page("In federal court testimony", text + " in testimony").dek.startswith(text)
    assert page("  • Musk characterized", f"  • {text}\n  • Musk characterized").bullets[1] == text
    assert page("Model distillation refers", f"{text}\n\nModel distillation refers").paragraphs[1] == text
    assert page(SOURCE, SOURCE + "\n  2. 02" + text).sources[1] == Source("", text, "", "2. 02" + text)


def test_what_a_page_may_lack() -> None:
    dek = page().dek
    assert page(f"{dek}\n\n", "") == replace(page(), dek="")
    points = REAL[REAL.index("TL;DR") : REAL.index("In sworn testimony")]
    assert page(points, "") == replace(page(), bullets=())


def test_title_and_dek_may_begin_like_the_scores() -> None:
    read = parse_page(REAL.replace(MUSK, "Trust in models").replace(page().dek, "Hype around agents"), HYPE_LABELS)
    assert (read.title, read.dek, read.trust) == ("Trust in models", "Hype around agents", 69)
    assert page(page().dek, "Trust is low").dek == "Trust is low"


def test_a_paragraph_may_begin_with_share() -> None:
    text = "Share prices fell after the testimony.\n\nModel distillation refers"
    assert page("Model distillation refers", text).paragraphs[1] == "Share prices fell after the testimony."


def test_headings_inside_the_text_stay_in_the_text() -> None:
    fake = "Sources\n\n  1. 01The VergeNot a source\n\nAlso on Policy\n\nTL;DR\n  • a list\n\n"
    read = page("Model distillation refers", fake + "Model distillation refers")
    assert read.sources == page().sources
    assert read.paragraphs[1:5] == ("Sources", "1. 01The VergeNot a source", "Also on Policy", "TL;DR\n  • a list")


def test_a_section_may_hold_the_dot_and_labels_are_a_setting() -> None:
    read = parse_page(REAL.replace("Policy ·", "Law · Courts ·").replace("Some hype", "Mild"), ("None", "Mild"))
    assert (read.section, read.hype) == ("Law · Courts", "Mild")


@pytest.mark.parametrize("words", ["Feb 28, 2026", "February 28, 2026", "feb. 28, 2026"])
def test_dates_with_long_and_short_months(words: str) -> None:
    assert page("May 2, 2026", words).date == date(2026, 2, 28)


REFUSED = {
    "empty": ("", 1, "empty"),
    "blank": (" \n\r\n\t\n", 1, "empty"),
    "only a BOM": ("\ufeff", 1, "empty"),
    "an image": (b"\x89PNG\r\n\x1a\n\0\0", 1, "not UTF-8"),
    "NUL": (REAL.replace("In sworn", "In\0sworn"), 20, "binary"),
    "Latin-1": (REAL.replace("In sworn", "In swörn").encode("latin-1", "replace"), 2, "not UTF-8"),
    "Latin-1, CR": (b"a\rb\r\nc\n\xe4", 4, "not UTF-8"),
    "UTF-16": (REAL.encode("utf-16"), 1, "not UTF-8"),
    "a lone surrogate": (REAL.replace("In sworn", "In \ud800 sworn"), 20, "not UTF-8"),
    "escape": (REAL.replace("In sworn", "In \x1b[31msworn"), 20, "control character (U+001B)"),
    "C1": (REAL.replace("In sworn", "In \x9b31msworn"), 20, "control character (U+009B)"),
    "too large": (REAL + "x" * LARGEST, 1, "larger than"),
    "a recipe": ("Pancakes\n\n2 eggs, milk, flour", 1, "not an article page"),
    "HTML": ("<!doctype html>\n<title>Policy · May 2</title>", 1, "not an article page"),
    "no section": (REAL.replace("Policy ·", "·"), 2, "not an article page"),
    "ISO date": (REAL.replace("May 2, 2026", "2026-05-02"), 2, "not a date"),
    "30 February": (REAL.replace("May 2", "Feb 30"), 2, "does not exist"),
    "no such month": (REAL.replace("May 2", "Mayday 2"), 2, "does not exist"),
    "year 0": (REAL.replace("May 2, 2026", "May 2, 0000"), 2, "does not exist"),
    "no title, no dek": (REAL.replace(MUSK + "\n", "").replace(page().dek, ""), 2, "title is missing"),
    "two deks": (REAL.replace("Trust69", "Another dek\n\nTrust69"), 8, "trust score (like “Trust69”) is missing"),
    "trust 172": (REAL.replace("Trust69", "Trust172"), 8, "“172”"),
    "trust 101": (REAL.replace("Trust69", "Trust101"), 8, "“101”"),
    "trust -1": (REAL.replace("Trust69", "Trust-1"), 8, "“-1”"),
    "trust 6.9": (REAL.replace("Trust69", "Trust6.9"), 8, "“6.9”"),
    "trust in words": (REAL.replace("Trust69", "Trusthigh"), 8, "“high”"),
    "trust in other digits": (REAL.replace("Trust69", "Trust٦٩"), 8, "whole number"),
    "trust without end": (REAL.replace("Trust69", "Trust" + "9" * 5000), 8, "whole number"),
    "no trust at all": (REAL.replace("Trust69", "Trust"), 8, "whole number"),
    "no hype line": (REAL.replace("HypeSome hype\n", ""), 10, "hype label (like"),
    "a section too long to choose": (REAL.replace("Policy · May", "P" * 61 + " · May"), 2, "no name of a section"),
    "unknown hype": (REAL.replace("Some hype", "Mega hype"), 9, "“Mega hype”"),
    "no count": (REAL.replace("1 source · cross-referenced\n", ""), 12, "sources · cross-referenced"),
    "count in words": (REAL.replace("1 source ·", "One source ·"), 11, "sources · cross-referenced"),
    "no points": (REAL.replace("  •", " "), 14, "no points"),
    "TL;DR in a line of text": (REAL.replace("TL;DR\n", "TL;DR: Musk spoke.\n"), 14, "on a line of its own"),
    "TL;DR below something else": (REAL.replace("TL;DR\n", "Listen · 3 min\nTL;DR\n"), 15, "below the buttons"),
    "an empty point": (REAL.replace("  • Musk char", "  •\n  • Musk char"), 16, "point of TL;DR is empty"),
    "cut in the head": (REAL[: REAL.index("Trust69")], 6, "cut off"),
    "cut in the text": (REAL[: REAL.index("Musk's courtroom")], 24, "cut off: its “Sources”"),
    "cut after Sources": (REAL[: REAL.index("  1. 01")], 28, "No source is listed"),
    "cut before Also on": (REAL[: REAL.index("Also on")], 29, "cut off: its “Also on”"),
    "no sources": (REAL.replace(SOURCE + "\n", ""), 28, "No source is listed"),
    "a source of nothing": (REAL.replace(SOURCE, SOURCE + "\n  2. 02"), 30, "not a source"),
    "junk among sources": (REAL.replace(SOURCE, SOURCE + "\nSubscribe"), 30, "“Subscribe” is not a source"),
    "no text": (REAL[: REAL.index("TL;DR")] + REAL[REAL.index("Sources") :], 14, "no text"),
}


@pytest.mark.parametrize(("data", "line", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_page_is_refused_with_line_and_reason(data: str | bytes, line: int, words: str) -> None:
    with pytest.raises(PageError) as caught:
        parse_page(data, HYPE_LABELS)
    assert caught.value.line == line
    assert words in caught.value.reason
    assert caught.value.reason.endswith(".")
    assert "\n" not in caught.value.reason
    assert len(caught.value.reason) < 200
