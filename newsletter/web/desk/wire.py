"""The wire: one line under the masthead of each page, about what goes out next and what is wrong."""

from __future__ import annotations

from typing import NamedTuple

from newsletter.core import clock
from newsletter.core.languages import gettext_noop
from newsletter.core.runtime import runtime


class WireLine(NamedTuple):
    """The line. `facts` are short sentences without full stops; `warning` stands in a pill."""

    sentence: str
    facts: tuple[str, ...] = ()
    warning: str = ""
    path: str = ""
    """Where its one link, "Open", leads to; empty without one."""
    now: str = ""
    """The time on the right, in the publication's zone."""


def present_line() -> WireLine:
    """The line as it is now."""
    zone = runtime().settings.timezone
    now = clock.now().astimezone(zone)
    city = zone.key.rpartition("/")[2].replace("_", " ")
    return WireLine(gettext_noop("Nothing is scheduled"), now=f"{now.day} {now:%B %Y, %H:%M} {city}")
