"""Asking other people's servers whether a link works: several at once, and one request at a time of each host."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple
from urllib.parse import urlsplit

from newsletter.core.fetching import Fetcher, FetchError, FetchFailure
from newsletter.digests.links.models import LinkVerdict

MOST_AT_ONCE = 8
"""Hosts that are asked at the same time."""

_REFUSING_PROGRAMS = (401, 403, 429, 999)
"""Statuses with which servers refuse programs, whatever a reader would see (999 is LinkedIn's)."""
_NOT_ASKED_AGAIN = (401, 429)
"""Statuses to a HEAD after which no GET follows: it would be refused as well, or be one request too many."""
_CERTAIN = {
    FetchFailure.ADDRESS: LinkVerdict.BROKEN,
    FetchFailure.NOT_PUBLIC: LinkVerdict.BROKEN,
    FetchFailure.UNKNOWN_HOST: LinkVerdict.BROKEN,
    FetchFailure.NO_CONNECTION: LinkVerdict.BROKEN,
    FetchFailure.CERTIFICATE: LinkVerdict.BROKEN,
    FetchFailure.NO_HTTP: LinkVerdict.BROKEN,
    FetchFailure.REDIRECTS: LinkVerdict.BROKEN,
}
"""Failures that readers would meet, too. After any other failure the verdict is unknown."""
_RANGE_NOT_SATISFIABLE = 416
"""The answer to a range of an empty page: the page is there."""


class LinkAnswer(NamedTuple):
    """The verdict on a link, and the reason."""

    verdict: LinkVerdict
    status: int | None = None
    failure: FetchFailure | None = None


def ask_link(fetcher: Fetcher, address: str) -> LinkAnswer:
    """Ask by HEAD; where that is refused or brings an error, by a GET of the first octet, which more servers know."""
    try:
        status = fetcher.fetch(address, "HEAD").status
        if status >= 400 and status not in _NOT_ASKED_AGAIN:
            status = fetcher.fetch(address, "GET", {"Range": "bytes=0-0"}).status
    except FetchError as error:
        return LinkAnswer(_CERTAIN.get(error.failure, LinkVerdict.UNKNOWN), failure=error.failure)
    return LinkAnswer(_verdict(status), status=status)


def ask_links(fetcher: Fetcher, addresses: Iterable[str], *, seconds: float) -> Iterator[tuple[str, LinkAnswer]]:
    """Ask many, and yield each answer as it comes. After `seconds` none is begun any more, so some may be left out."""
    ends = time.monotonic() + seconds
    by_host: dict[str, list[str]] = defaultdict(list)
    for address in addresses:
        by_host[_host(address)].append(address)

    def ask_host(mine: list[str]) -> list[tuple[str, LinkAnswer]]:
        return [(each, ask_link(fetcher, each)) for each in mine if time.monotonic() < ends]

    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="links") as threads:
        for done in as_completed([threads.submit(ask_host, mine) for mine in by_host.values()]):
            yield from done.result()


def _verdict(status: int) -> LinkVerdict:
    if status in _REFUSING_PROGRAMS:
        return LinkVerdict.UNKNOWN
    return LinkVerdict.WORKS if status < 400 or status == _RANGE_NOT_SATISFIABLE else LinkVerdict.BROKEN


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""
