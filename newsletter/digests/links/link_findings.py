"""Findings about links: dead ones of our own, broken ones of others, and words that mislead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.core.fetching import FetchFailure
from newsletter.digests.findings import Finding
from newsletter.digests.links.digest_links import DigestLink, digest_links
from newsletter.digests.links.models import LinkCheck, LinkVerdict
from newsletter.digests.links.own_links import dead_own_paths, own_path
from newsletter.digests.models import Digest

PROBLEMS = {
    FetchFailure.ADDRESS: "it is no web address",
    FetchFailure.PORT: "only the ports 80 and 443 are checked",
    FetchFailure.OWN_HOST: "it leads back here",
    FetchFailure.NOT_PUBLIC: "its server is not on the public internet",
    FetchFailure.UNKNOWN_HOST: "there is no such server",
    FetchFailure.UNRESOLVED: "its server could not be looked up",
    FetchFailure.NO_CONNECTION: "its server takes no connection",
    FetchFailure.CERTIFICATE: "its certificate is not valid",
    FetchFailure.TIMEOUT: "its server was too slow",
    FetchFailure.NO_HTTP: "its server answers what no browser reads",
    FetchFailure.TOO_LARGE: "its answer was too large",
    FetchFailure.REDIRECTS: "it leads from one redirect to the next",
}

_GONE = (404, 410)


def foreign_addresses(settings: Settings, links: Sequence[DigestLink]) -> list[str]:
    """The addresses of other sites, which the job probes."""
    return [each.address for each in links if own_path(settings, each.address) is None]


def addresses_to_probe(settings: Settings, digest: Digest) -> list[str]:
    """The same of all links of a digest."""
    return foreign_addresses(settings, list(digest_links(settings, digest)))


def check_links(
    session: Session,
    settings: Settings,
    links: Sequence[DigestLink],
    known: Mapping[str, LinkCheck],
    *,
    is_draft: bool,
) -> Iterator[Finding]:
    """The findings on the links of a digest, from the database alone; `known` are the kept checks of foreign ones."""
    yield from _check_own(session, settings, links)
    yield from _check_others(settings, links, known, is_draft=is_draft)
    yield from _check_words(links)
    for link in links:
        if link.address.startswith("http:") and link.words and _is_written(link):
            yield _note(link, "link.insecure", "%(place)s links to %(address)s, without encryption.",
                        "Give an address that begins with https.", address=link.address)  # fmt: skip


def _check_own(session: Session, settings: Settings, links: Sequence[DigestLink]) -> Iterator[Finding]:
    """A link to a page of ours that is not there is known for certain, and each reader would find it dead."""
    own = {link: path for link in links if _is_written(link) and (path := own_path(settings, link.address)) is not None}
    dead = dead_own_paths(session, set(own.values()))
    for link, path in own.items():
        if path in dead:
            values = {**link.place, "address": link.address}
            yield Finding("link.dead_own", link.where, "%(place)s links to %(address)s, and we have no such page.",
                          "Put the right address there, or take the link out.", values)  # fmt: skip


def _check_others(
    settings: Settings, links: Sequence[DigestLink], known: Mapping[str, LinkCheck], *, is_draft: bool
) -> Iterator[Finding]:
    """Only a page that its own server says is gone blocks, and only a draft, while an editor is there to mend it. A
    server that is slow, broken or away may be back when readers press the link, and holds up no digest.
    """
    for link in dict.fromkeys(links):
        check = known.get(link.address)
        if check is None or check.verdict in (None, LinkVerdict.WORKS) or check.since is None:
            continue
        since = f"{check.since.astimezone(settings.timezone):%-d %B %Y, %H:%M}"
        values = {"address": link.address, "problem": _problem(check), "status": check.status, "since": since}
        if check.verdict == LinkVerdict.BROKEN:
            yield Finding("link.broken", link.where,
                          "%(place)s links to %(address)s, which is broken: %(problem)s, since %(since)s.",
                          "Put another address there, take the link out, or have it checked again.",
                          {**link.place, **values}, blocks=is_draft and check.status in _GONE)  # fmt: skip
        else:
            yield _note(link, "link.unknown",
                        "%(place)s links to %(address)s, which could not be checked: %(problem)s.",
                        "Open it yourself.", **values)  # fmt: skip


def _check_words(links: Sequence[DigestLink]) -> Iterator[Finding]:
    by_words: dict[str, dict[str, DigestLink]] = defaultdict(dict)
    for link in links:
        if not link.is_mailed:
            continue
        if not link.words:
            yield _note(link, "link.empty", "%(place)s has a link without words, to %(address)s.",
                        "Write what it leads to, or take it out.", address=link.address)  # fmt: skip
        by_words[" ".join(link.words.casefold().split())].setdefault(link.address, link)
    for words, places in by_words.items():
        if words and len(places) > 1:
            first, second, *_ = places.values()
            yield _note(second, "link.same_words",
                        "%(place)s has a link “%(words)s” to %(address)s, and the same words lead to %(other)s, too.",
                        "Say with each link what it leads to.",
                        words=second.words, address=second.address, other=first.address)  # fmt: skip


def _is_written(link: DigestLink) -> bool:
    """Whether it stands in a text. The address of the story itself has its own finding."""
    return link.article is None or not link.is_mailed or link.words != link.article.title


def _problem(check: LinkCheck) -> str:
    return f"it answers {check.status}" if check.failure is None else PROBLEMS[check.failure]


def _note(link: DigestLink, code: str, message: str, remedy: str, **values: object) -> Finding:
    return Finding(code, link.where, message, remedy, {**link.place, **values}, blocks=False)
