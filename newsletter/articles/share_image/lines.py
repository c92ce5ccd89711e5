"""A title as lines of a share image: broken between words, in the largest size in which all of it fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from newsletter.articles.share_image.font import Font

LINE_HEIGHT = 1.16
_USABLE = 0.97
"""The part of a line that words may fill; the rest is for kerning, which is not measured."""


class TextLines(NamedTuple):
    """Lines of text, and their size in px."""

    lines: list[str]
    size: int

    @property
    def height(self) -> float:
        return len(self.lines) * self.size * LINE_HEIGHT


def fitted(text: str, font: Font, *, width: float, height: float, sizes: tuple[int, ...]) -> TextLines:
    """The text in the first of `sizes` (px, falling) in which it fits; in the last one cut, with an ellipsis."""
    for size in sizes[:-1]:
        most = int(height / (size * LINE_HEIGHT))
        lines = _lines(text, font, width * _USABLE / size, most + 1)
        if len(lines) <= most:
            return TextLines(lines, size)
    size = sizes[-1]
    most, wide = int(height / (size * LINE_HEIGHT)), width * _USABLE / size
    lines = _lines(text, font, wide, most + 1)
    return TextLines(lines if len(lines) <= most else [*lines[: most - 1], _cut(lines[most - 1], font, wide)], size)


def _lines(text: str, font: Font, width: float, most: int) -> list[str]:
    """The first `most` lines of a text, of at most this width."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        for part in _parts(word, font, width):
            longer = f"{line} {part}" if line else part
            if line and font.width(longer) > width:
                lines.append(line)
                line = part
            else:
                line = longer
            if len(lines) == most:
                return lines
    return [*lines, line] if line else lines


def _parts(word: str, font: Font, width: float) -> Iterator[str]:
    """A word, in parts where it is longer than a line."""
    part, wide = "", 0.0
    for character in word:
        wide += font.width(character)
        if part and wide > width:
            yield part
            part, wide = "", font.width(character)
        part += character
    yield part


def _cut(line: str, font: Font, width: float) -> str:
    while line and font.width(line + "…") > width:
        line = line[:-1]
    return line.rstrip() + "…"
