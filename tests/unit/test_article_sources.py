"""Publisher, title and address are told apart; what cannot be told apart is left whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles.sources import publishers, read_source


@pytest.mark.parametrize(
    ("line", "publisher", "title", "url"),
    [
        ("  1. 01The Verge — AIElon Musk confirms", "The Verge — AI", "Elon Musk confirms", ""),
        ("  1. 01The VergeElon Musk confirms", "The Verge", "Elon Musk confirms", ""),
        ("  1. 01The Verge\xa0—\xa0AIElon Musk", "The Verge — AI", "Elon Musk", ""),
        ("12. 12arXivA survey of surveys", "arXiv", "A survey of surveys", ""),
        ("2. 02OpenAI BlogxAI and us", "OpenAI Blog", "xAI and us", ""),
        ("2. 02Reuters“Partly”, says Musk", "Reuters", "“Partly”, says Musk", ""),
        ("2. 02Wired...", "Wired", "...", ""),
        ("2. 02MIT Technology Review2026 in AI", "MIT Technology Review", "2026 in AI", ""),
        # No known publisher: the line without its number.
        ("3. 03The Daily UnknownA title", "", "The Daily UnknownA title", ""),
        ("3. 03<b>A</b> & {{ b }}", "", "<b>A</b> & {{ b }}", ""),
        ("3. 2026 was a year", "", "2026 was a year", ""),
        # A title's own first words are no publisher.
        ("4. 04OpenAI’s new model", "", "OpenAI’s new model", ""),
        ("4. 04OpenAI's new model", "", "OpenAI's new model", ""),
        ("4. 04Reuters says so", "", "Reuters says so", ""),
        ("4. 04OpenAI-backed start-up", "", "OpenAI-backed start-up", ""),
        ("4. 04Fortunes are made", "", "Fortunes are made", ""),
        ("4. 04Nature", "", "Nature", ""),
        # Addresses.
        ("5. 05WiredHow https://wired.com/how?a=1&b=2", "Wired", "How", "https://wired.com/how?a=1&b=2"),
        ("5. 05WiredHow (http://wired.com/how).", "Wired", "How", "http://wired.com/how"),
        ("5. 05Wiredhttps://wired.com is down", "", "Wiredhttps://wired.com is down", "https://wired.com"),
        ("5. 05https://example.org/a", "", "https://example.org/a", "https://example.org/a"),
        ("5. 05Wired https:// and javascript:alert(1)", "", "Wired https:// and javascript:alert(1)", ""),
        ("5. 05A title http://[", "", "A title http://[", ""),
    ],
)
def test_a_line_is_split(line: str, publisher: str, title: str, url: str) -> None:
    source = read_source(line)
    assert source is not None
    assert (source.publisher, source.title, source.url) == (publisher, title, url)
    assert source.raw == line.strip()


@pytest.mark.parametrize("line", ["", "The VergeNo number", "1.", "  1. 01", "x. 01The Verge"])
def test_a_line_that_shows_no_source(line: str) -> None:
    assert read_source(line) is None


def test_the_list_of_publishers_is_clean() -> None:
    names = publishers()
    assert len(names) > 120
    assert all(name == name.strip() and len(name) > 2 for name in names)
    assert [len(name) for name in names] == sorted((len(name) for name in names), reverse=True)


@settings(deadline=None)
@given(st.text())
def test_any_line_is_split_without_loss(text: str) -> None:
    source = read_source(f"7. 07{text}")
    if source is not None and not source.url:
        assert source.title
        assert source.publisher + source.title == text.strip()
