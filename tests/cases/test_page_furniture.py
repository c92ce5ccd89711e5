"""What stands around an article on its page is no part of its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.articles.page import parse_page
from newsletter.core.config import HYPE_LABELS

CASES = sorted((Path(__file__).parent / "page-furniture").glob("*.txt"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_tldr_is_found_and_buttons_are_no_text(path: Path) -> None:
    page = parse_page(path.read_bytes(), HYPE_LABELS)
    assert [bullet.split()[0] for bullet in page.bullets] == ["Elon", "Musk", "Model", "OpenAI"]
    assert [paragraph.split()[0] for paragraph in page.paragraphs] == ["In", "Model", "The", "Musk's"]
