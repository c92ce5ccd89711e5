"""The lines that can be added to a saved page: its head, the parts of its score, and a text in Markdown."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles import rubric_parts
from newsletter.articles.errors import PageError
from newsletter.articles.models import Markup, TrustPart
from newsletter.articles.page import ParsedPage, parse_page
from newsletter.articles.rubric_parts import check_points, read_parts, shipped_rubric
from newsletter.core import markdown
from newsletter.core.config import HYPE_LABELS
from newsletter.core.errors import InvalidError
from newsletter.core.languages import LANGUAGES
from tests.factories import REAL_ARTICLE

REAL = REAL_ARTICLE.read_text(encoding="utf-8")
PARTS = ("Independent sources 12/30", "Primary documents 22/25", "People on the record 15/15", "Checked by us 20/15")


def page(old: str, new: str) -> ParsedPage:
    assert old in REAL
    return parse_page(REAL.replace(old, new, 1), HYPE_LABELS)


def with_head(*lines: str) -> ParsedPage:
    return page("Policy ·", "\n".join([*lines, "Policy ·"]))


def with_parts(*lines: str) -> ParsedPage:
    return page("Trust69", "\n".join(["Trust69", *lines]))


def test_the_head_says_what_the_text_lacks_in_any_order() -> None:
    read = with_head("AI used for: the draft · and a search", "", "written by:\u00a0Ada  Lovelace", "Language: de")
    assert (read.ai_use, read.written_by, read.checked_by) == ("the draft · and a search", "Ada Lovelace", "")
    assert (read.language, read.section, read.markup) == ("de", "Policy", Markup.TEXT)
    assert with_head("Markup: MARKDOWN").markup == Markup.MARKDOWN


def test_a_section_may_look_like_a_line_of_the_head() -> None:
    assert page("Policy ·", "Written by: hand ·").section == "Written by: hand"


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        (("Markup: HTML",), "page.wrong_markup", 2),
        (("Language: de", "Language: de"), "page.repeated_line", 3),
        (("Written by:",), "page.wrong_credit", 2),
        (("Checked by: " + "x" * 201,), "page.wrong_credit", 2),
        (("Author: Ada",), "page.no_section", 2),
    ],
)
def test_a_wrong_line_of_the_head_is_refused_at_its_line(lines: tuple[str, ...], code: str, line: int) -> None:
    with pytest.raises(PageError) as refused:
        with_head(*lines)
    assert (refused.value.code, refused.value.line) == (code, line)


def test_parts_of_the_score_are_known_in_both_languages() -> None:
    read = with_parts(
        "Independent sources 20/30",
        "ORIGINALDOKUMENTE\u00a025 / 25",
        "Von uns geprüft 14/15",
        "Interests disclosed10/15",
    )
    assert read.trust_parts == (
        TrustPart("sources", 20),
        TrustPart("documents", 25),
        TrustPart("checks", 14),
        TrustPart("interests", 10),
    )
    assert (read.trust, read.hype) == (69, "Some hype")
    assert read.title == page("Policy", "Policy").title


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        (("Independent sources 30/30", "Primary documents 25/25"), "page.wrong_sum", 10),
        (("Independent sources 31/30",), "page.part_points", 9),
        (("Independent sources 12/40",), "page.part_points", 9),
        (("Good looks 12/30",), "page.unknown_part", 9),
        (("Independent sources 12/30", "Independent sources 12/30"), "page.repeated_part", 10),
        (("Independent sources -12/30",), "page.unknown_part", 9),
    ],
)
def test_wrong_parts_are_refused_at_their_line(lines: tuple[str, ...], code: str, line: int) -> None:
    with pytest.raises(PageError) as refused:
        with_parts(*lines)
    assert (refused.value.code, refused.value.line) == (code, line)


def test_a_page_of_parts_alone_is_refused_in_no_time() -> None:
    with pytest.raises(PageError):
        with_parts(*["Independent sources 0/30"] * 30_000)


def test_a_text_in_markdown_is_kept_as_it_stands() -> None:
    text = "# A head\n\n    indented  \n\n\n```\na\n\n\nb\n```\n\nhard  \nbreak"
    start = REAL.index("In sworn testimony")
    body = REAL[start : REAL.index("\nSources\n")]
    saved = REAL.replace(body, text).replace("Policy ·", "Markup: Markdown\nPolicy ·", 1)
    read = parse_page(saved, HYPE_LABELS)
    assert read.content()["body"] == text
    assert read.bullets == parse_page(REAL, HYPE_LABELS).bullets


def test_a_text_in_markdown_has_a_longest_length() -> None:
    long = "Markup: Markdown\nPolicy ·"
    body = REAL[REAL.index("In sworn testimony") :].partition("\n")[0]
    saved = REAL.replace("Policy ·", long, 1).replace(body, "a" * (markdown.LONGEST + 1))
    with pytest.raises(PageError) as refused:
        parse_page(saved, HYPE_LABELS)
    assert refused.value.code == "page.markdown_too_long"


def test_the_shipped_rubric_is_in_both_languages_and_adds_up() -> None:
    _, parts = shipped_rubric()
    assert sum(part.most for part in parts) == 100
    for part in parts:
        assert set(part.words) == {"en", "de"} <= set(LANGUAGES)
        assert part.words["en"] != part.words["de"]
        assert part.in_language("fr") == part.words["en"]
    stored = json.loads(json.dumps([part.to_json() for part in parts]))
    assert rubric_parts.stored_parts(stored) == read_parts(stored) == parts


def shipped_values() -> list[dict[str, Any]]:
    return deepcopy([part.to_json() for part in shipped_rubric()[1]])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0, "most"), 31),
        ((0, "most"), "30"),
        ((0, "most"), True),
        ((0, "key"), "Sources"),
        ((0, "key"), "documents"),
        ((0, "fr"), {}) if "fr" not in LANGUAGES else ((0, "xx"), {}),
        ((0, "de"), None),
        ((0, "de", "name"), ""),
        ((0, "de", "name"), "a\x00b"),
        ((0, "en", "earns"), "x" * 301),
        ((0, "en", "name"), "primary documents"),
    ],
)
def test_a_wrong_rubric_is_refused(place: tuple[int | str, ...], value: object) -> None:
    values: Any = shipped_values()
    target = values
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    with pytest.raises(InvalidError):
        read_parts(values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["key", "most", "en", "de", "name", "x"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_rubric_or_refused(values: object) -> None:
    with pytest.raises(InvalidError):
        read_parts(values)


@pytest.mark.parametrize(
    ("given_parts", "score", "code"),
    [
        ([TrustPart("looks", 1)], 1, "trust.unknown_part"),
        ([TrustPart("sources", 31)], 31, "trust.part_points"),
        ([TrustPart("sources", -1)], -1, "trust.part_points"),
        ([TrustPart("sources", 1), TrustPart("sources", 1)], 2, "trust.part_repeated"),
        ([TrustPart("sources", 1)], 2, "trust.wrong_sum"),
    ],
)
def test_points_fit_their_parts(given_parts: list[TrustPart], score: int, code: str) -> None:
    parts = shipped_rubric()[1]
    with pytest.raises(InvalidError) as refused:
        check_points(parts, given_parts, score)
    assert refused.value.code == code
    check_points(parts, [TrustPart("sources", 30), TrustPart("documents", 2)], 32)
    check_points(parts, [], 69)
