"""Parsers of settings: each turns text into a value, or raises ValueError with what is allowed.

The reason completes the sentence "NAME must be …", and never repeats the text, which can be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from redis import ConnectionPool
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from newsletter.core.plain_addresses import normalise_plain

T = TypeVar("T")

SHORTEST_KEY = 16
"""Characters."""
SECONDS_OF_RATE_UNIT = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_SECONDS_OF_SUFFIX = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LIMIT = re.compile(rf"([1-9]\d{{0,8}})/({'|'.join(SECONDS_OF_RATE_UNIT)})", re.ASCII)
_KOFI_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)
_WITH_NAME = re.compile(r"[^<>]*<([^<>]+)>\s*")
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII)
_DATABASES = ("sqlite", "postgres", "postgresql", "postgresql+psycopg")


class RateLimit(NamedTuple):
    """At most `most` messages in `seconds`, for all workers together."""

    most: int
    seconds: int


class Person(NamedTuple):
    """Somebody of the publication, as readers meet them."""

    name: str
    role: str


def text(value: str) -> str:
    """Any line of text."""
    return value


def text_or_none(value: str) -> str:
    """Any line of text, or `none` for an empty one."""
    return "" if value.lower() == "none" else value


def word(value: str) -> str:
    """A key or name without spaces."""
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("one word of plain letters, digits and signs")
    return value


def number(least: int, most: int) -> Callable[[str], int]:
    """A whole number."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def duration(least: str, most: str) -> Callable[[str], timedelta]:
    """A time with its unit: 90s, 30m, 2h, 1d."""
    shortest, longest = _timedelta(least), _timedelta(most)

    def parse(value: str) -> timedelta:
        if not _DURATION.fullmatch(value) or not shortest <= _timedelta(value) <= longest:
            raise ValueError(f"a time with its unit, like 90s, 30m, 2h or 1d, from {least} to {most}")
        return _timedelta(value)

    return parse


def _timedelta(value: str) -> timedelta:
    return timedelta(seconds=int(value[:-1]) * _SECONDS_OF_SUFFIX[value[-1]])


def one_of_words(*words: str) -> Callable[[str], str]:
    """One of some words."""

    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return value

    return parse


def yes_or_no(value: str) -> bool:
    """A yes or a no."""
    return one_of_words("yes", "no")(value) == "yes"


def listed(parse_item: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Values separated by commas; empty ones are left out."""

    def parse(value: str) -> tuple[T, ...]:
        return tuple(parse_item(item.strip()) for item in value.split(",") if item.strip())

    return parse


def people(value: str) -> tuple[Person, ...]:
    """Names with a role each, separated by semicolons: `Ada Byron: editor; Lin Wu: fact checker`."""
    found = []
    for each in filter(None, (part.strip() for part in value.split(";"))):
        name, _colon, role = (part.strip() for part in each.partition(":"))
        if not (name and role):
            raise ValueError("names with a role each, like Ada Byron: editor; Lin Wu: fact checker")
        found.append(Person(name, role))
    if len({person.name for person in found}) != len(found):
        raise ValueError("different names with a role each")
    return tuple(found)


def labels(value: str) -> tuple[str, ...]:
    """Different labels, separated by commas."""
    found = listed(text)(value)
    if not found or len(set(found)) != len(found):
        raise ValueError("different labels, separated by commas")
    return found


def rate_limit(value: str) -> RateLimit:
    """One limit, like 50/second. The reason is about the whole list, since people see that."""
    match = _LIMIT.fullmatch(value)
    if match is None:
        raise ValueError("limits like 50/second, 900/minute, 9000/hour or 90000/day, separated by commas")
    return RateLimit(int(match[1]), SECONDS_OF_RATE_UNIT[match[2]])


def key(value: str) -> str:
    """A secret that signs."""
    if len(value) < SHORTEST_KEY:
        raise ValueError(f"at least {SHORTEST_KEY} characters that nobody can guess")
    return value


def folder(value: str) -> Path:
    """A path, made absolute; `~` is a home folder."""
    reason = "the path of a folder, without a question mark"
    if "?" in value:  # it would end the path in SQLite's URL
        raise ValueError(reason)
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:  # there is no such home
        raise ValueError(reason) from None


def zone(value: str) -> ZoneInfo:
    """A time zone by its name."""
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("the name of a time zone, like Europe/Berlin") from None


def email_address(value: str) -> str:
    """A plain email address; the publication's name stands before it in From."""
    if (plain := normalise_plain(value)) is not None:
        return plain
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise ValueError("an email address, like letters@example.org") from None


def sender_address(value: str) -> str:
    """An email address, alone or as `Name <address>`; returns the address."""
    match = _WITH_NAME.fullmatch(value)
    return email_address(match[1].strip() if match else value)


def host_name(value: str) -> str:
    """A host name in lower case."""
    if not _HOST_NAME.fullmatch(value):
        raise ValueError("a plain host name, like mail.example.org")
    return value.lower()


def listen_host(value: str) -> str:
    """An IP address or a host name."""
    if not _is_ip_address(value) and not _HOST_NAME.fullmatch(value):
        raise ValueError("an IP address or a host name, like 127.0.0.1")
    return value


def web_address(value: str) -> str:
    """An absolute http(s) address."""
    if _web_parts(value) is None:
        raise ValueError("a web address that begins with https:// or http://")
    return value


def site_address(value: str) -> str:
    """The beginning of all addresses of the site, which may have a path; no slash at its end."""
    parts = _web_parts(value)
    if parts is None or "@" in parts.netloc or parts.query or parts.fragment or value.endswith(("?", "#")):
        raise ValueError("an address like https://letters.example.org, with an IDN domain as xn--…")
    return value.rstrip("/")


def site_root(value: str) -> str:
    """The address of the whole site: pages lie at its root, and no proxy may put them below a path."""
    try:
        found = site_address(value)
    except ValueError:
        found = ""
    if not found or urlsplit(found).path:
        raise ValueError("an address like https://letters.example.org, without a path, with an IDN domain as xn--…")
    return found


def article_url(value: str) -> str:
    """A web address in which {slug} stands for a story."""
    if value.count("{slug}") != 1 or "{" in value.replace("{slug}", "") or _web_parts(value) is None:
        raise ValueError("a web address with {slug} in it, like https://dispatch.example/stories/{slug}")
    return value


def kofi_page(value: str) -> str:
    """A web address; a bare name is a page at Ko-fi."""
    if _KOFI_NAME.fullmatch(name := value.removeprefix("@")):
        return f"https://ko-fi.com/{name}"
    if value.lower().startswith(("ko-fi.com/", "www.ko-fi.com/")):
        value = f"https://{value}"
    return web_address(value)


def mail_domain(site: str) -> str | None:
    """The host of a site, if mail addresses can end in it, else None. (No parser: a default is made of it.)"""
    host = urlsplit(site).hostname or ""
    if not host.rpartition(".")[0] or host[-1].isdigit():  # this machine, or an IP address
        return None
    try:
        email_address(f"letters@{host}")
    except ValueError:
        return None
    return host


def database_url(value: str) -> str:
    """Where PostgreSQL or an SQLite file is."""
    reason = "an address like postgresql://user:password@host/database or sqlite:////path"
    try:
        parts = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(reason) from None
    if parts.drivername not in _DATABASES or not parts.database:
        raise ValueError(reason)
    if parts.drivername == "sqlite" and (parts.query or parts.host or parts.database == ":memory:"):
        raise ValueError(reason)
    return value


def redis_url(value: str) -> str:
    """Where a Redis or Valkey is."""
    reason = (
        "an address like redis://user:password@host:6379/0 or unix:///path, "
        "where @, : and / in a password are written as %40, %3A and %2F"
    )
    try:
        parts = urlsplit(value)
        if parts.scheme == "unix":
            has_place = bool(parts.path)
        else:
            has_place = bool(parts.hostname) and re.fullmatch(r"(/\d*)?", parts.path, re.ASCII) is not None
        if not has_place or parts.fragment:
            raise ValueError
        ConnectionPool.from_url(value).make_connection()  # checks the options; nothing is connected
    except (ValueError, TypeError, AttributeError, RedisError):
        raise ValueError(reason) from None
    return value


def _web_parts(value: str) -> SplitResult | None:
    """The parts of an http(s) address that can stand in a page and a mail as it is; None for all else."""
    try:
        parts = urlsplit(value)
        is_port_valid = parts.port is None or parts.port > 0
    except ValueError:
        return None
    host = parts.hostname or ""
    is_host = _HOST_NAME.fullmatch(host) is not None or _is_ip_address(host)
    is_plain = value.isascii() and not re.search(r'[\s"<>\\]', value)
    return parts if parts.scheme in ("http", "https") and is_host and is_port_valid and is_plain else None


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
