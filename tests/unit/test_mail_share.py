"""Share links carry any title unharmed, and nothing about who shares."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.mail.share_links import share_links

URL = "https://letters.example.org/articles/a-story"


def test_the_addresses() -> None:
    assert [tuple(link) for link in share_links("Tea & cake", URL)] == [
        (
            "X",
            (
                "https://x.com/intent/tweet?text=Tea%20%26%20cake"
                "&url=https%3A%2F%2Fletters.example.org%2Farticles%2Fa-story"
            ),
        ),
        (
            "LinkedIn",
            (
                "https://www.linkedin.com/sharing/share-offsite/"
                "?url=https%3A%2F%2Fletters.example.org%2Farticles%2Fa-story"
            ),
        ),
        ("Email", "mailto:?subject=Tea%20%26%20cake&body=https%3A%2F%2Fletters.example.org%2Farticles%2Fa-story"),
    ]


@settings(deadline=None)
@given(st.text(min_size=1))
def test_any_title_comes_back(title: str) -> None:
    x, linkedin, mail = (
        parse_qs(urlsplit(link.href).query, strict_parsing=True, keep_blank_values=True)
        for link in share_links(title, URL)
    )
    assert x == {"text": [title], "url": [URL]}
    assert linkedin == {"url": [URL]}
    assert mail == {"subject": [title], "body": [URL]}
