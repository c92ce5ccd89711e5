"""Share images: size, weight, words that fit, and titles that cannot be drawn."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.articles.share_image import HEIGHT, WIDTH, StoredImages, Words, png, svg
from newsletter.articles.share_image.font import font
from newsletter.articles.share_image.lines import fitted

TITLE = "Musk testifies xAI used model distillation with OpenAI technology in courtroom proceedings"
HOSTILE = [
    "W" * 10_000,
    "i" * 10_000,
    "</text><script>alert(1)</script>",
    "&amp; & <b> ' \" ]]>",
    "e\u0301" * 5_000,
    "\u200b" * 10_000,
    "ﷺ 😀 שלום 日本",
    "\u202eturned around",
    "%s %(x)s {{ 7 * 7 }}",
    "",
    " ",
]


def words(title: str, score: int = 69) -> Words:
    return Words("Dispatch", "Policy · 2 May 2026", title, score, f"Trust {score}", "fair", "Some hype")


def written(drawing: str) -> list[str]:
    """The texts of a drawing, which is well-formed."""
    return [element.text or "" for element in ET.fromstring(drawing).iter() if element.tag.endswith("text")]


def test_the_picture_holds_title_section_trust_and_hype() -> None:
    drawing = svg(words(TITLE))
    assert " ".join(written(drawing)) == f"Dispatch Policy · 2 May 2026 {TITLE} Trust 69 fair Some hype"
    image = png(drawing)
    assert image.startswith(b"\x89PNG")
    assert struct.unpack(">II", image[16:24]) == (WIDTH, HEIGHT) == (1200, 630)
    assert len(image) < 80_000


def test_the_line_ends_at_the_score() -> None:
    ends = re.findall(r'<line x1="([\d.]+)" x2="([\d.]+)"', svg(words(TITLE, score=50)))
    (start, end), (_, score) = ([float(x) for x in line] for line in ends[:2])
    assert score == pytest.approx((start + end) / 2)


@pytest.mark.parametrize("title", HOSTILE)
def test_a_hostile_title_makes_a_picture_like_any_other(title: str) -> None:
    drawing = svg(words(title))
    assert written(drawing)
    assert len(drawing) < 5_000
    assert len(png(svg(words(title)))) < 80_000


@pytest.mark.parametrize("title", ["An emoji 😀", "שלום עולם", "日本語の見出し"])
def test_without_letters_for_the_title_its_dateline_stands_there(title: str) -> None:
    assert 'font-size="64" fill="#1d2125" text-anchor="start">Policy' in svg(words(title))
    assert written(svg(words(title))) == ["Dispatch", "Policy · 2 May 2026", "Trust 69", "fair", "Some hype"]


@pytest.mark.parametrize("character", "AzÄß€–“”„…·éđŁя1%&\u00a0\u2011")
def test_the_font_has_what_headlines_are_written_with(character: str) -> None:
    assert font().has(character)


def test_widths_are_those_of_the_font() -> None:
    """The advances of Charis SIL Bold, in units of 2048 to an em."""
    assert font().width("i") < font().width("n") < font().width("W")
    assert font().width("e\u0301") == font().width("e")


@given(st.text(st.sampled_from("abc WMi.–é"), max_size=300))
def test_lines_are_no_wider_than_the_picture_and_lose_no_word(text: str) -> None:
    found = fitted(text, font(), width=1056, height=260, sizes=(64, 52, 40))
    assert all(font().width(line) * found.size <= 1056 for line in found.lines)
    assert found.height <= 260
    if not (found.lines and found.lines[-1].endswith("…")):
        assert "".join(found.lines).replace(" ", "") == text.replace(" ", "")


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """The rights of files come from the code alone."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
def test_an_image_is_drawn_once_and_kept_for_us_alone(tmp_path: Path) -> None:
    drawing, stored = svg(words(TITLE)), StoredImages(tmp_path / "data")
    image = stored.image(7, drawing)
    (file,) = (tmp_path / "data" / "share-images").iterdir()
    assert file.name.startswith("7-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.write_bytes(b"kept")
    assert (image, stored.image(7, drawing)) == (png(drawing), b"kept")


def test_the_folder_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.articles.share_image.stored.MOST_FILES", 3)
    monkeypatch.setattr("newsletter.articles.share_image.stored.png", lambda drawing: drawing.encode())
    stored = StoredImages(tmp_path)
    for number in range(6):
        stored.image(number, "<svg/>")
    assert len(list((tmp_path / "share-images").iterdir())) == 3


def test_an_image_is_shown_where_none_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / "share-images").write_text("a file in the folder's place")
    assert StoredImages(tmp_path).image(1, svg(words(TITLE))).startswith(b"\x89PNG")
