"""The time zones that a form offers: one or more for each country, as the time zone database lists them."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Zone(NamedTuple):
    """The IANA name, and its last part in words: `America/Argentina/Buenos_Aires`, "Buenos Aires (Argentina)"."""

    name: str
    words: str


@cache
def by_region() -> dict[str, tuple[Zone, ...]]:
    """Regions ("Africa" … "Pacific") and their zones, each in the order of the alphabet.

    Other names for the same place ("Asia/Calcutta") are left out of the list, and taken when a browser sends one.
    """
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    found: dict[str, list[Zone]] = defaultdict(list)
    for line in table.splitlines():
        if line and not line.startswith("#"):
            name = line.split("\t")[2]
            region, *inner, place = name.replace("_", " ").split("/")
            found[region].append(Zone(name, f"{place} ({inner[0]})" if inner else place))
    return {region: tuple(sorted(zones, key=lambda zone: zone.words)) for region, zones in sorted(found.items())}


@cache
def offered() -> frozenset[str]:
    """The names in the list; UTC stands beside it."""
    return frozenset(zone.name for zones in by_region().values() for zone in zones) | {"UTC"}
