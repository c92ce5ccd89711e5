"""The font of share images: which characters it has, and how wide they are.

Drawing breaks no lines, so words are measured here, by the font's own tables `cmap` and `hmtx`
(learn.microsoft.com/typography/opentype/spec). Kerning is left out: lines are filled a little less.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("font") / "CharisSIL-Bold.ttf"
FAMILY = "Charis SIL"
_UNICODE_TABLES = ((3, 10), (3, 1), (0, 4), (0, 3))
"""The platforms and encodings of tables of Unicode characters, the one with most first."""


class Font(NamedTuple):
    """The widths of a font."""

    widths: Mapping[int, float]
    """By code point, as a part of the font's size."""

    def has(self, text: str) -> bool:
        """Whether there is a glyph for each character."""
        return all(ord(character) in self.widths for character in text)

    def width(self, text: str) -> float:
        """The width of a text on one line, as a part of the font's size."""
        return sum(self.widths.get(ord(character), 1.0) for character in text)


@cache
def font() -> Font:
    """The font that is shipped."""
    data = FILE.read_bytes()
    tables = {tag: data[start : start + size] for tag, start, size in _tables(data)}
    (units,) = struct.unpack_from(">H", tables["head"], 18)
    (count,) = struct.unpack_from(">H", tables["hhea"], 34)
    advances = [struct.unpack_from(">H", tables["hmtx"], 4 * glyph)[0] / units for glyph in range(count)]
    return Font({code: advances[min(glyph, count - 1)] for code, glyph in _glyphs(tables["cmap"]) if glyph})


def _tables(data: bytes) -> Iterator[tuple[str, int, int]]:
    (count,) = struct.unpack_from(">H", data, 4)
    for number in range(count):
        tag, _sum, start, size = struct.unpack_from(">4sIII", data, 12 + 16 * number)
        yield tag.decode("ascii"), start, size


def _glyphs(cmap: bytes) -> Iterator[tuple[int, int]]:
    """Code points and the numbers of their glyphs, from a subtable of format 12 or 4."""
    (count,) = struct.unpack_from(">H", cmap, 2)
    found = [struct.unpack_from(">HHI", cmap, 4 + 8 * number) for number in range(count)]
    starts = {(platform, encoding): start for platform, encoding, start in found}
    start = next(starts[each] for each in _UNICODE_TABLES if each in starts)
    (kind,) = struct.unpack_from(">H", cmap, start)
    yield from _groups(cmap, start) if kind == 12 else _segments(cmap, start)


def _groups(cmap: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Format 12."""
    (count,) = struct.unpack_from(">I", cmap, start + 12)
    for number in range(count):
        first, last, glyph = struct.unpack_from(">III", cmap, start + 16 + 12 * number)
        yield from ((code, glyph + code - first) for code in range(first, last + 1))


def _segments(cmap: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Format 4."""
    (double,) = struct.unpack_from(">H", cmap, start + 6)
    count, ends = double // 2, start + 14
    for number in range(count):
        (last,) = struct.unpack_from(">H", cmap, ends + 2 * number)
        (first,) = struct.unpack_from(">H", cmap, ends + 2 + double + 2 * number)
        (delta,) = struct.unpack_from(">H", cmap, ends + 2 + 2 * double + 2 * number)
        offset_at = ends + 2 + 3 * double + 2 * number
        (offset,) = struct.unpack_from(">H", cmap, offset_at)
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offset:
                (glyph,) = struct.unpack_from(">H", cmap, offset_at + offset + 2 * (code - first))
            if glyph or not offset:
                yield code, (glyph + delta) & 0xFFFF
