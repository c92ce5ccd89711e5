"""The stylesheets as they are served: nothing is lost but comments and white space, and no page loads another's."""

from __future__ import annotations

import re

import pytest

from newsletter.web import assets

SHEETS = [name for name, kind in assets.TYPES.items() if kind == "text/css"]


def words(css: str) -> str:
    """A stylesheet without white space, comments, and the semicolons that may be left out."""
    return re.sub(r"\s+", "", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))


@pytest.mark.parametrize("name", SHEETS)
def test_a_stylesheet_loses_comments_and_white_space_alone(name: str) -> None:
    source = (assets.FOLDER / name).read_bytes()
    served = assets.squeezed(source)
    assert words(served.decode()) == words(source.decode())
    assert b"/*" not in served
    assert len(served) < 0.9 * len(source)
    strings = re.compile(rb'"[^"]*"')
    assert strings.findall(served) == strings.findall(re.sub(rb"/\*.*?\*/", b"", source, flags=re.DOTALL))


@pytest.mark.parametrize("name", SHEETS)
def test_each_rule_of_a_stylesheet_ends(name: str) -> None:
    """A missing brace is no error to browsers: all that follows becomes a part of that rule, and holds no more."""
    css = words((assets.FOLDER / name).read_text())
    assert css.count("{") == css.count("}")


@pytest.mark.parametrize("name", SHEETS)
def test_a_stylesheet_loads_nothing(name: str) -> None:
    assert not re.search(r"url\(|@import|@font-face|https?:", (assets.FOLDER / name).read_text())


def test_what_a_public_page_loads_leaves_room_for_its_html() -> None:
    """Of the 50 kB that HTML and stylesheets of a page may have."""
    assert (
        sum(len(assets.squeezed((assets.FOLDER / name).read_bytes())) for name in ("base.css", "public.css")) < 26_000
    )
