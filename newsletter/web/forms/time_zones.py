"""The time zones that a form offers: one or more for each country, as the time zone database lists them."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from unicodedata import normalize

from newsletter.core.languages import gettext_noop, language_of

REGIONS = {
    "Africa": gettext_noop("Africa"),
    "America": gettext_noop("America"),
    "Antarctica": gettext_noop("Antarctica"),
    "Arctic": gettext_noop("Arctic"),
    "Asia": gettext_noop("Asia"),
    "Atlantic": gettext_noop("Atlantic Ocean"),
    "Australia": gettext_noop("Australia"),
    "Europe": gettext_noop("Europe"),
    "Indian": gettext_noop("Indian Ocean"),
    "Pacific": gettext_noop("Pacific Ocean"),
}
"""The first part of each zone's name, and what it is called."""


class Zone(NamedTuple):
    """The IANA name, and the place: `America/Argentina/Buenos_Aires`, "Buenos Aires (Argentina)"."""

    name: str
    place: str


@cache
def by_region(language: str) -> dict[str, tuple[Zone, ...]]:
    """Regions and their zones with names in that language, both in alphabetical order.

    Other names for the same place ("Asia/Calcutta") are not in the list, but valid when a browser sends one.
    """
    words = language_of(language)
    found: dict[str, list[Zone]] = defaultdict(list)
    for name in _names():
        region, *inner, place = name.replace("_", " ").split("/")
        place = words.city(name) or (f"{place} ({inner[0]})" if inner else place)
        found[words.gettext(REGIONS[region])].append(Zone(name, place))
    return {
        region: tuple(sorted(zones, key=lambda zone: normalize("NFKD", zone.place)))
        for region, zones in sorted(found.items())
    }


@cache
def offered() -> frozenset[str]:
    """The names in the list, and UTC."""
    return frozenset(_names()) | {"UTC"}


def _names() -> list[str]:
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    return [line.split("\t")[2] for line in table.splitlines() if line and not line.startswith("#")]
