"""Probing links: whether other people's servers answer, several hosts at once and one request at a time to each."""

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
"""Hosts that are probed at the same time."""

_REFUSING_PROGRAMS = (401, 403, 429, 999)
"""Statuses with which servers refuse programs, whatever a reader would see (999 is LinkedIn's)."""
_NO_SECOND_TRY = (401, 429)
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
"""The status for a range of an empty page: the page is there."""


class ProbeResult(NamedTuple):
    """The verdict on a link, and the reason."""

    verdict: LinkVerdict
    status: int | None = None
    failure: FetchFailure | None = None


def probe_link(fetcher: Fetcher, address: str) -> ProbeResult:
    """Send a HEAD, and after an error or a refusal a GET of the first octet, which more servers know."""
    try:
        status = fetcher.fetch(address, "HEAD").status
        if status >= 400 and status not in _NO_SECOND_TRY:
            status = fetcher.fetch(address, "GET", {"Range": "bytes=0-0"}).status
    except FetchError as error:
        return ProbeResult(_CERTAIN.get(error.failure, LinkVerdict.UNKNOWN), failure=error.failure)
    return ProbeResult(_verdict(status), status=status)


def probe_links(fetcher: Fetcher, addresses: Iterable[str], *, seconds: float) -> Iterator[tuple[str, ProbeResult]]:
    """Probe many, and yield each result as it comes. After `seconds` no probe begins, so some may be left out."""
    ends = time.monotonic() + seconds
    by_host: dict[str, list[str]] = defaultdict(list)
    for address in addresses:
        by_host[_host(address)].append(address)

    def probe_host(mine: list[str]) -> list[tuple[str, ProbeResult]]:
        return [(each, probe_link(fetcher, each)) for each in mine if time.monotonic() < ends]

    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="links") as threads:
        for done in as_completed([threads.submit(probe_host, mine) for mine in by_host.values()]):
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
