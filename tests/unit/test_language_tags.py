"""Language tags: what HTML's lang attribute may hold, in their usual capitals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.language_tags import LONGEST_TAG, canonical_tag, lang_attribute


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-at", "de-AT"),
        ("es-419", "es-419"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("zh-cmn-hans-CN", "zh-cmn-Hans-CN"),
        ("de-CH-1901", "de-CH-1901"),
        ("sl-ROZAJ-biske-1994", "sl-rozaj-biske-1994"),
        ("th-U-NU-thai", "th-u-nu-thai"),
        ("en-x-US", "en-x-us"),
    ],
)
def test_tags(text: str, tag: str) -> None:
    assert canonical_tag(text) == tag
    assert canonical_tag(tag) == tag


@pytest.mark.parametrize(
    "text",
    [
        *("", "d", "-", "de-", "-de", "de--AT", "de_DE", "de AT", " de", "de\n", "de\0", "deutsch", "English"),
        *("de-AT-DE", "x-klingon", "i-default", "en-u", "dé", "ﬁ", "١٢", 'de" onclick="x', "de><b>", "a" * 1_000_000),
        "en-" + "abcde-" * 5 + "abcde",
    ],
)
def test_what_is_no_tag(text: str) -> None:
    assert canonical_tag(text) is None


@given(st.text(st.sampled_from("abXZ019-"), max_size=60))
def test_a_tag_is_short_and_safe_in_an_attribute(text: str) -> None:
    tag = canonical_tag(text)
    if tag is not None:
        assert tag.lower() == text.lower()
        assert len(tag) <= LONGEST_TAG
        assert lang_attribute(tag, "") == f' lang="{tag}"'


def test_an_attribute_only_where_it_differs_from_what_is_around() -> None:
    assert lang_attribute("de", "en") == ' lang="de"'
    assert lang_attribute("en-GB", "en") == ' lang="en-GB"'
    assert lang_attribute("de", "de") == ""
    assert lang_attribute('"><b>', "en") == ' lang="&#34;&gt;&lt;b&gt;"'
