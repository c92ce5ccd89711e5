"""The contrast of a mail's texts by their inline styles, as WCAG 2.2 defines it (w3.org/TR/WCAG22, 1.4.3).

Mails carry their colours in `style` and `bgcolor`, since many mail programs read nothing else. Colours of dark schemes
stand in a stylesheet, and are looked at by the tests of the templates.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple, TypeAlias

LEAST = 4.5
LEAST_LARGE = 3.0
"""For texts of 24 px and more, or bold ones of 18.66 px and more."""

_Rgb: TypeAlias = "tuple[int, int, int]"
_HEX = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b", re.IGNORECASE)
_NAMED: dict[str, _Rgb] = {"black": (0, 0, 0), "white": (255, 255, 255)}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_UNSEEN = {"head", "title", "style", "script"}


class FaintText(NamedTuple):
    """A text that has too little contrast."""

    words: str
    ratio: float
    least: float


class _Look(NamedTuple):
    """The look of an element's text; of an unknown colour nothing is said."""

    tag: str
    color: _Rgb | None = (0, 0, 0)
    background: _Rgb | None = (255, 255, 255)
    size: float = 16
    is_bold: bool = False
    is_hidden: bool = False


def faint_texts(html: str) -> list[FaintText]:
    """The texts of a mail with too little contrast, in their order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found


def contrast(one: _Rgb, other: _Rgb) -> float:
    """The contrast of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[FaintText] = []
        self._looks = [_Look("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._looks.append(_look(self._looks[-1], tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for number in range(len(self._looks) - 1, 0, -1):
            if self._looks[number].tag == tag:
                del self._looks[number:]
                return

    def handle_data(self, data: str) -> None:
        look, words = self._looks[-1], " ".join(data.split())
        if not any(letter.isalnum() for letter in words) or look.is_hidden or not look.color or not look.background:
            return
        ratio = contrast(look.color, look.background)
        least = LEAST_LARGE if look.size >= (18.66 if look.is_bold else 24) else LEAST
        if ratio < least:
            self.found.append(FaintText(words[:60], ratio, least))


def _look(parent: _Look, tag: str, attributes: dict[str, str]) -> _Look:
    styles = _declarations(attributes.get("style", ""))
    look = parent._replace(tag=tag, is_hidden=parent.is_hidden or tag in _UNSEEN or styles.get("display") == "none")
    if "color" in styles:
        look = look._replace(color=_color(styles["color"]))
    background = styles.get("background-color") or styles.get("background") or attributes.get("bgcolor")
    if background and background not in ("transparent", "none"):
        look = look._replace(background=_color(background))
    if (size := styles.get("font-size", "")).endswith("px") and size[:-2].replace(".", "", 1).isdecimal():
        look = look._replace(size=float(size[:-2]))
    weight = styles.get("font-weight", "")
    if weight or tag in ("b", "strong", "h1", "h2", "h3"):
        look = look._replace(is_bold=weight in ("", "bold") or (weight.isdecimal() and int(weight) >= 700))
    return look


def _declarations(style: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in style.lower().split(";"))
    return {name.strip(): value.removesuffix("!important").strip() for name, _, value in pairs}


def _color(text: str) -> _Rgb | None:
    """The colour that a value names; None for one that is not understood."""
    if (named := _NAMED.get(text)) is not None:
        return named
    if (found := _HEX.search(text)) is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _luminance(color: _Rgb) -> float:
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in (c / 255 for c in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
