"""The settings: read once from the environment, typed, frozen. A wrong one stops the start and is named.

Every setting can also be given as NAME_FILE, the path of a file that holds it. A single machine starts with none.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from environs import EnvError, FileAwareEnv

from newsletter.core.errors import ConfigurationError
from newsletter.core.ids import SuppressionKey
from newsletter.core.runtime_folder import socket_path

TRANSPORTS = ("maildir", "smtp", "sendgrid")
SECONDS_OF_UNIT = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
HYPE_LABELS = ("No hype", "Low hype", "Some hype", "High hype")


_UTC = ZoneInfo("UTC")


class RateLimit(NamedTuple):
    """At most `most` messages in `seconds`, for all workers together."""

    most: int
    seconds: int


@dataclass(frozen=True)
class Settings:
    """All settings of the service; each field is the environment variable of the same name in capitals."""

    data_dir: Path = Path("var")
    database_url: str = ""
    redis_url: str = ""
    redis_is_embedded: bool = False
    port: int = 8000
    trusted_proxies: int = 0
    public_url: str = ""
    secret_key: str = field(default="", repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    suppression_key: SuppressionKey = field(default=SuppressionKey(""), repr=False)
    publication_name: str = "Dispatch"
    timezone: ZoneInfo = _UTC
    hype_labels: tuple[str, ...] = HYPE_LABELS
    mail_transport: str = "maildir"
    maildir: Path = Path("var/mail")
    smtp_url: str = field(default="", repr=False)
    sendgrid_api_key: str = field(default="", repr=False)
    sendgrid_host: str = "https://api.sendgrid.com"
    mail_from: str = ""
    mail_reply_to: str = ""
    mail_postal_address: str = ""
    kofi_page: str = "https://ko-fi.com/dispatch"
    mail_rate_limits: tuple[RateLimit, ...] = ()
    mail_deadline: int = 60
    overdue_after: timedelta = timedelta(hours=2)
    sendgrid_webhook_key: str = ""
    return_path_domain: str = ""
    dkim_domain: str = ""
    dkim_selector: str = ""
    dkim_key: str = field(default="", repr=False)

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """Keys for signed tokens, the present one last, as itsdangerous wants them."""
        return (*self.secret_key_fallbacks, self.secret_key)

    @property
    def public_host(self) -> str:
        """The host of PUBLIC_URL without its port: the domain of List-ID and Message-ID."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def message_id_salt(self) -> bytes:
        """For the Message-IDs of single mails: secret, and the same at each try, whatever SECRET_KEY is by then."""
        return hmac.digest(self.suppression_key.encode(), b"message-id", "sha256")

    def url(self, path: str) -> str:
        """An absolute address on this site. Links are made from PUBLIC_URL, never from a Host header."""
        return self.public_url + path

    def check_serving(self) -> None:
        """Raise ConfigurationError if mail must not leave yet: the law wants a postal address in each."""
        if not self.mail_postal_address:
            raise ConfigurationError(
                "MAIL_POSTAL_ADDRESS is not set: every mail must show where the publication can be reached by post."
            )


def from_environment() -> Settings:
    """Read the settings. Raises ConfigurationError with one sentence that names the setting."""
    env = FileAwareEnv(strip_whitespace=True)
    try:
        settings = _read(env)
    except (EnvError, ValueError) as error:
        raise ConfigurationError(_sentence(str(error))) from error
    return settings


def _sentence(text: str) -> str:
    return re.sub(r'^Environment variable "(\w+)" invalid: ', r"\1 is not valid: ", text).rstrip(".") + "."


def _read(env: FileAwareEnv) -> Settings:
    data_dir = Path(env.str("DATA_DIR", "var")).expanduser().absolute()
    port = env.int("PORT", 8000)
    if not 1 <= port <= 65535:
        raise ConfigurationError(f"PORT is {port}, but a port is a number from 1 to 65535.")
    public_url = _public_url(env.str("PUBLIC_URL", "") or f"http://localhost:{port}")
    database_url = env.str("DATABASE_URL", "")
    redis_url = env.str("REDIS_URL", "")
    key = _keys(env, data_dir, shared=bool(database_url) and not database_url.startswith("sqlite"))
    settings = Settings(
        data_dir=data_dir,
        database_url=database_url or f"sqlite:///{data_dir / 'newsletter.sqlite3'}",
        redis_url=redis_url or f"unix://{socket_path(data_dir)}",
        redis_is_embedded=not redis_url,
        port=port,
        trusted_proxies=_proxies(env.int("TRUSTED_PROXIES", 0)),
        public_url=public_url,
        secret_key=key("SECRET_KEY"),
        secret_key_fallbacks=tuple(filter(None, env.list("SECRET_KEY_FALLBACKS", []))),
        suppression_key=SuppressionKey(key("SUPPRESSION_KEY")),
        publication_name=_one_line("PUBLICATION_NAME", env.str("PUBLICATION_NAME", "Dispatch")),
        timezone=_zone(env.str("TIMEZONE", "UTC")),
        hype_labels=tuple(label.strip() for label in env.list("HYPE_LABELS", list(HYPE_LABELS))),
        mail_transport=env.str("MAIL_TRANSPORT", "maildir"),
        maildir=Path(env.str("MAILDIR", str(data_dir / "mail"))).expanduser().absolute(),
        smtp_url=env.str("SMTP_URL", ""),
        sendgrid_api_key=env.str("SENDGRID_API_KEY", ""),
        sendgrid_host=env.str("SENDGRID_HOST", "https://api.sendgrid.com").rstrip("/"),
        mail_from=_address("MAIL_FROM", env.str("MAIL_FROM", "") or f"letters@{_mail_domain(public_url)}"),
        mail_reply_to=_address("MAIL_REPLY_TO", env.str("MAIL_REPLY_TO", "")),
        mail_postal_address=_one_line("MAIL_POSTAL_ADDRESS", env.str("MAIL_POSTAL_ADDRESS", "")),
        kofi_page=_web_address("KOFI_PAGE", env.str("KOFI_PAGE", "https://ko-fi.com/dispatch")),
        mail_rate_limits=_limits(env.list("MAIL_RATE_LIMITS", [])),
        mail_deadline=_seconds("MAIL_DEADLINE", env.int("MAIL_DEADLINE", 60)),
        overdue_after=_minutes("OVERDUE_AFTER", env.int("OVERDUE_AFTER", 120)),
        sendgrid_webhook_key=env.str("SENDGRID_WEBHOOK_KEY", ""),
        return_path_domain=_domain("RETURN_PATH_DOMAIN", env.str("RETURN_PATH_DOMAIN", "")),
        dkim_domain=_domain("DKIM_DOMAIN", env.str("DKIM_DOMAIN", "")),
        dkim_selector=_domain("DKIM_SELECTOR", env.str("DKIM_SELECTOR", "")),
        dkim_key=env.str("DKIM_KEY", ""),
    )
    _check_transport(settings)
    return settings


def _check_transport(settings: Settings) -> None:
    if settings.mail_transport not in TRANSPORTS:
        raise ConfigurationError(
            f"MAIL_TRANSPORT is {settings.mail_transport!r}, but it must be one of {', '.join(TRANSPORTS)}."
        )
    dkim = (settings.dkim_domain, settings.dkim_selector, settings.dkim_key)
    if any(dkim) and not all(dkim):
        raise ConfigurationError("DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY belong together: set all of them, or none.")
    needs = {"smtp": ("SMTP_URL", settings.smtp_url), "sendgrid": ("SENDGRID_API_KEY", settings.sendgrid_api_key)}
    name, value = needs.get(settings.mail_transport, ("", "-"))
    if not value:
        raise ConfigurationError(f"{name} is not set, but MAIL_TRANSPORT={settings.mail_transport} needs it.")


def _keys(env: FileAwareEnv, data_dir: Path, *, shared: bool) -> Callable[[str], str]:
    """Reads a key, or keeps one in the data folder; where several machines share a database, each must be told."""

    def read(name: str) -> str:
        value = env.str(name, "")
        if value and len(value) < 16:
            raise ConfigurationError(f"{name} is too short: give at least 16 characters that nobody can guess.")
        if not value and shared:
            raise ConfigurationError(f"{name} is not set, but DATABASE_URL is: all machines need the same {name}.")
        return value or _kept_key(data_dir / f"{name.lower()}.txt")

    return read


def _kept_key(path: Path) -> str:
    """The key in a file that only its owner reads, made at first use; two processes agree on one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        if not path.exists():
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(32))
            try:
                os.link(fresh, path)  # fails if another process was first: then its key counts
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR cannot be used: {path.parent}: {error.strerror}.") from error


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"PUBLIC_URL is {text!r}, but it must look like https://letters.example.org.")
    if not text.isascii() or any(c.isspace() or c in '"<>\\' for c in text):
        raise ConfigurationError("PUBLIC_URL holds a character that no address has; write IDN domains as xn--….")
    return text.rstrip("/")


def _web_address(name: str, text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https") or any(c.isspace() or c in '"<>' for c in text):
        raise ConfigurationError(f"{name} is {text!r}, but it must be a web address (https://…).")
    return text


def _mail_domain(public_url: str) -> str:
    host = urlsplit(public_url).hostname or ""
    return host if "." in host else "dispatch.example"


def _address(name: str, text: str) -> str:
    """A plain mail address; the publication's name stands before it in From."""
    if not text:
        return ""
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ConfigurationError(f"{name} is not a mail address: {error}") from error


def _limits(texts: list[str]) -> tuple[RateLimit, ...]:
    """Like "50/second,10000/hour,200000/day"."""
    limits = []
    for text in filter(None, (text.strip() for text in texts)):
        count, _, unit = text.partition("/")
        if not count.isascii() or not count.isdigit() or int(count) < 1 or unit not in SECONDS_OF_UNIT:
            raise ConfigurationError(
                f"MAIL_RATE_LIMITS holds {text!r}, but a limit looks like 50/second, 9000/hour or 90000/day."
            )
        limits.append(RateLimit(int(count), SECONDS_OF_UNIT[unit]))
    return tuple(limits)


def _seconds(name: str, number: int) -> int:
    if number < 1:
        raise ConfigurationError(f"{name} is {number}, but it must be at least one second.")
    return number


def _minutes(name: str, number: int) -> timedelta:
    if not 0 <= number <= 525_600:
        raise ConfigurationError(f"{name} is {number}, but it must be a number of minutes, a year's at most.")
    return timedelta(minutes=number)


def _proxies(number: int) -> int:
    if not 0 <= number <= 10:
        raise ConfigurationError(f"TRUSTED_PROXIES is {number}, but it must be the number of proxies before the site.")
    return number


def _domain(name: str, text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", text):
        raise ConfigurationError(f"{name} is {text!r}, but it must be a plain host name like mail.example.org.")
    return text.lower()


def _one_line(name: str, text: str) -> str:
    if any(ord(c) < 32 for c in text):
        raise ConfigurationError(f"{name} must be one line of plain text.")
    return text


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError(f"TIMEZONE is {name!r}, but no zone has that name (try Europe/Berlin).") from error


NAMES = tuple(f.name.upper() for f in fields(Settings) if f.name != "redis_is_embedded")
"""The names of all settings, for the documentation's test."""
