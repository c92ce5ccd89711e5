"""The picture that other sites show of a story that is shared there: a PNG, drawn with the font that is shipped.

It uses no system font and no file from elsewhere, so it is the same everywhere. A text with a character
that the font lacks, such as an emoji or Hebrew, would come out with boxes, and is left out as a whole.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from newsletter.articles.share_image.font import FAMILY, FILE, font
from newsletter.articles.share_image.lines import LINE_HEIGHT, fitted
from newsletter.core.text_direction import keep_direction

WIDTH, HEIGHT = 1200, 630
"""Px: what X, LinkedIn, Mastodon and Bluesky show uncut."""
LONGEST_TITLE = 600
"""Characters: more than any picture holds. Marks without a width could otherwise go on without end."""
_MARGIN = 72
_TITLE_TOP, _TITLE_HEIGHT = 218, 260
_SIZES = (64, 58, 52, 46, 40)
_PAPER, _INK, _MUTED, _ACCENT, _EDGE = "#ffffff", "#1d2125", "#4d5359", "#123c69", "#767b80"
"""The tokens of base.css by day: other sites show one picture to everybody."""
_SCALE_WIDTH = 260


class Words(NamedTuple):
    """The words of a picture, in the publication's language."""

    publication: str
    dateline: str
    """ "Policy · 2 May 2026"."""
    title: str
    score: int | None
    """0 to 100; None of a withdrawn story, which no score stands for."""
    trust: str
    """ "Trust 69", or else "Withdrawn"."""
    grade: str
    """ "fair"."""
    hype: str
    """ "Some hype"."""


def png(drawing: str) -> bytes:
    """A drawing as PNG, of 20 to 65 kB."""
    import resvg_py  # 3 MB, for the one process in hundreds of requests that draws

    return resvg_py.svg_to_bytes(svg_string=drawing, font_files=[str(FILE)], skip_system_fonts=True)


def svg(words: Words) -> str:
    """The drawing of a story. Where its title cannot be written, the dateline stands in its place."""
    title, dateline = keep_direction(words.title[:LONGEST_TITLE]), words.dateline
    if not font().has(title):
        title, dateline = dateline, ""
    wide = WIDTH - 2 * _MARGIN
    rules = (
        f'<rect x="{_MARGIN}" y="128" width="{wide}" height="6" fill="{_ACCENT}"/>'
        f'<rect x="{_MARGIN}" y="139" width="{wide}" height="2" fill="{_ACCENT}"/>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="{FAMILY}" '
        f'font-weight="700"><rect width="100%" height="100%" fill="{_PAPER}"/>{rules}'
        f"{_text(words.publication, _MARGIN, 108, 54, _INK)}{_text(dateline, _MARGIN, 190, 28, _MUTED)}"
        f"{_title(title)}{_facts(words)}</svg>"
    )


def _title(title: str) -> str:
    found = fitted(title, font(), width=WIDTH - 2 * _MARGIN, height=_TITLE_HEIGHT, sizes=_SIZES)
    step = found.size * LINE_HEIGHT
    return "".join(
        _text(line, _MARGIN, _TITLE_TOP + step * number, found.size, _INK) for number, line in enumerate(found.lines, 1)
    )


def _facts(words: Words) -> str:
    """Trust as number, line and word, as on pages; hype at the right."""
    if words.score is None:
        return _text(words.trust, _MARGIN, 560, 34, _INK)
    base, start = 560, _MARGIN + font().width(words.trust) * 34 + 28
    to = start + _SCALE_WIDTH * words.score / 100
    line = f'y1="{base - 11}" y2="{base - 11}"'
    scale = (
        f'<g stroke="{_EDGE}" stroke-width="2"><line x1="{start:.1f}" x2="{start + _SCALE_WIDTH:.1f}" {line}/></g>'
        f'<g stroke="{_INK}" stroke-width="5"><line x1="{start:.1f}" x2="{to:.1f}" {line}/>'
        f'<line x1="{to:.1f}" x2="{to:.1f}" y1="{base - 23}" y2="{base + 1}"/></g>'
    )
    return (
        _text(words.trust, _MARGIN, base, 34, _INK)
        + scale
        + _text(words.grade, start + _SCALE_WIDTH + 28, base, 34, _INK)
        + _text(words.hype, WIDTH - _MARGIN, base, 34, _MUTED, anchor="end")
    )


def _text(text: str, x: float, y: float, size: int, fill: str, anchor: str = "start") -> str:
    if not text or not font().has(text):
        return ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'
    )
