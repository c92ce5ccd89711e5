"""The settings, each declared once: its type, default, meaning and allowed values.

Reading, checks, the documentation's table and the web server's configuration all come from these declarations.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from newsletter.core.config import parsing
from newsletter.core.config.parsing import Person, RateLimit
from newsletter.core.db import DatabaseTimeouts
from newsletter.core.errors import ConfigurationError
from newsletter.core.ids import SuppressionKey

T = TypeVar("T")

TRANSPORTS = ("maildir", "smtp", "sendgrid")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HYPE_LABELS = ("No hype", "Low hype", "Some hype", "High hype")
MOTTO = "Built by a person who cares about honest AI news."
_UTC = ZoneInfo("UTC")
_DECLARATION = "declaration"


@dataclass(frozen=True)
class Declaration:
    """The declaration of a setting."""

    parse: Callable[[str], object]
    """Raises ValueError with what is allowed (`parsing`)."""
    meaning: str
    default_text: str
    """The default as it would be typed, or in words where it depends on other settings."""
    is_secret: bool
    """Its value is shown nowhere."""
    has_lines: bool
    """It may hold line breaks."""


def setting(
    default: T,
    parse: Callable[[str], T],
    meaning: str,
    *,
    default_text: str = "",
    is_secret: bool = False,
    has_lines: bool = False,
) -> T:
    """A field of `Settings` that is read from the environment variable of its name in capitals."""
    declaration = Declaration(parse, meaning, default_text, is_secret, has_lines)
    declared: T = field(default=default, repr=not is_secret, metadata={_DECLARATION: declaration})
    return declared


def _suppression_key(value: str) -> SuppressionKey:
    return SuppressionKey(parsing.key(value))


@dataclass(frozen=True)
class Settings:
    """All settings of the service. The defaults of some depend on others: `environment` fills those in."""

    # The machine
    data_dir: Path = setting(
        Path("var"),
        parsing.folder,
        "The folder of a single machine's database, keys, queue and maildir.",
        default_text="`var`",
    )
    database_url: str = setting(
        "",
        parsing.database_url,
        "The database: `postgresql://…` for many machines, or `sqlite:////path`.",
        default_text="SQLite in `DATA_DIR`",
        is_secret=True,
    )
    database_connect_timeout: timedelta = setting(
        timedelta(seconds=5),
        parsing.duration("2s", "5m"),
        "PostgreSQL: the time for a connection. After it a process tries again, instead of hanging on a host that is "
        "gone.",
        default_text="`5s`",
    )
    database_lock_timeout: timedelta = setting(
        timedelta(seconds=5),
        parsing.duration("1s", "5m"),
        "PostgreSQL: the longest wait for a lock, which a dead host may have left. What waited is tried again.",
        default_text="`5s`",
    )
    database_statement_timeout: timedelta = setting(
        timedelta(minutes=2),
        parsing.duration("10s", "1h"),
        "PostgreSQL: the longest time of one statement; the largest freeze or import takes seconds. Migrations have "
        "no such limit.",
        default_text="`2m`",
    )
    database_idle_timeout: timedelta = setting(
        timedelta(minutes=1),
        parsing.duration("10s", "1h"),
        "PostgreSQL: after it the server ends a transaction that does nothing, with its locks. No transaction of ours "
        "waits for the network.",
        default_text="`1m`",
    )
    database_network_timeout: timedelta = setting(
        timedelta(seconds=20),
        parsing.duration("5s", "5m"),
        "PostgreSQL: the time for which its host may be silent (TCP keepalives); the system's own default is hours.",
        default_text="`20s`",
    )
    redis_url: str = setting(
        "",
        parsing.redis_url,
        "The queue: `redis://…` of a Redis or Valkey, or `rediss://:password@host:6379/0` on another machine.",
        default_text="the embedded queue",
        is_secret=True,
    )
    redis_is_embedded: bool = False
    """Not a setting of its own: there is no REDIS_URL, so the clock runs the queue."""

    # The site
    public_url: str = setting(
        "",
        parsing.site_root,
        "The address of the site: links in mails begin with it, and it answers under this host alone.",
        default_text="`http://localhost:` and `PORT`",
    )
    host: str = setting(
        "127.0.0.1", parsing.listen_host, "The address on which the site listens.", default_text="`127.0.0.1`"
    )
    port: int = setting(8000, parsing.number(1, 65535), "The port on which the site listens.", default_text="`8000`")
    web_concurrency: int = setting(
        1,
        parsing.number(1, 256),
        "The number of the site's processes, of 8 threads each. On Linux each keeps to one CPU: a machine that mostly "
        "answers requests may have one for each.",
        default_text="`1`",
    )
    worker_concurrency: int = setting(
        1,
        parsing.number(1, 64),
        "The number of a worker's processes that send digests. One more sends confirmations and other mails that "
        "readers wait for.",
        default_text="`1`",
    )
    trusted_proxies: int = setting(
        0,
        parsing.number(0, 10),
        "The number of proxies before the site, each of which adds to `X-Forwarded-For`. It decides which network a "
        "sign-up is counted for ([readers.md](readers.md)).",
        default_text="`0`",
    )
    secret_key: str = setting(
        "",
        parsing.key,
        "The key that signs links that expire: at least 16 characters. Required with PostgreSQL.",
        default_text="made, and kept in `DATA_DIR`",
        is_secret=True,
    )
    secret_key_fallbacks: tuple[str, ...] = setting(
        (),
        parsing.listed(parsing.key),
        "Older keys that are still accepted, separated by commas.",
        is_secret=True,
    )
    suppression_key: SuppressionKey = setting(
        SuppressionKey(""),
        _suppression_key,
        "The key that hashes addresses that must not be mailed. Never change it, and keep it in the backup. Required "
        "with PostgreSQL.",
        default_text="made, and kept in `DATA_DIR`",
        is_secret=True,
    )

    # The publication
    publication_name: str = setting(
        "Dispatch", parsing.text, "The name in From, pages and mails.", default_text="`Dispatch`"
    )
    websub_hub: str = setting(
        "",
        parsing.web_address,
        "The address of a WebSub hub, which tells readers of feeds at once that there is something new.",
    )
    publication_motto: str = setting(
        MOTTO,
        parsing.text_or_none,
        "The sentence at the foot of each page, or `none`.",
        default_text=f"`{MOTTO}`",
    )
    timezone: ZoneInfo = setting(
        _UTC, parsing.zone, "The publication's time zone, like `Europe/Berlin`.", default_text="`UTC`"
    )
    article_url: str = setting(
        "",
        parsing.article_url,
        "The address of stories that are read elsewhere, with `{slug}` in it: headlines and share links lead there.",
        default_text="the pages of this site",
    )
    min_trust: int = setting(
        0,
        parsing.number(0, 100),
        "The lowest trust score: of a digest, and of a reader who signs up, unless another is given.",
        default_text="`0`",
    )
    people: tuple[Person, ...] = setting(
        (),
        parsing.people,
        "The people behind it, whom `/about` and the imprint name: `Ada Byron: editor; Lin Wu: fact checker`.",
    )
    texts_dir: Path | None = setting(
        None,
        parsing.folder,
        "A folder with texts of your own in place of ours: `about.en.md`, `privacy.de.md`, `imprint.en.md` and their "
        "like.",
        default_text="ours",
    )
    security_contact: str = setting(
        "",
        parsing.email_address,
        "The address for reports of security holes, in `/.well-known/security.txt`.",
        default_text="the address for replies",
    )
    daily_digest_days: str = setting(
        "",
        parsing.one_of_words("all", "weekdays"),
        "The days of the daily digest, which the sign-up then names: `all` or `weekdays`, Monday to Friday.",
        default_text="not named",
    )
    weekly_digest_day: str = setting(
        "",
        parsing.one_of_words(*WEEKDAYS),
        "The day of the weekly digest, which the sign-up then names, like `thursday`.",
        default_text="not named",
    )
    monthly_digest_day: int = setting(
        0,
        parsing.number(1, 28),
        "The day of the month of the monthly digest, which the sign-up then names.",
        default_text="not named",
    )
    hype_labels: tuple[str, ...] = setting(
        HYPE_LABELS,
        parsing.labels,
        "The allowed hype labels, from low to high.",
        default_text=f"`{','.join(HYPE_LABELS)}`",
    )
    kofi_page: str = setting(
        "https://ko-fi.com/dispatch",
        parsing.kofi_page,
        "The page that the one link for support leads to, or its name at Ko-fi.",
        default_text="`https://ko-fi.com/dispatch`",
    )
    kofi_verification_token: str = setting(
        "",
        parsing.word,
        "The verification token of Ko-fi's webhook. Without it there is no `/hooks/kofi`.",
        is_secret=True,
    )
    kofi_thank_you: bool = setting(
        False,
        parsing.yes_or_no,
        "Whether a supporter gets a thank-you mail, but for monthly renewals: `yes` or `no`.",
        default_text="`no`",
    )

    ended_subscriptions_kept_for: timedelta = setting(
        timedelta(days=90),
        parsing.duration("1d", "3650d"),
        "The time for which readers who unsubscribed, bounced or complained are kept whole; then a keyed hash and the "
        "evidence of consent are left. Providers report for weeks, and `unbounce` needs their reports.",
        default_text="`90d`",
    )
    consent_kept_for: timedelta = setting(
        timedelta(days=4 * 365),
        parsing.duration("90d", "7300d"),
        "The time after the end for which that evidence is kept: as long as claims can be made (in Germany, for three "
        "years from the end of the year).",
        default_text="`1460d`",
    )

    # The desk
    desk_idle_after: timedelta = setting(
        timedelta(minutes=30),
        parsing.duration("5m", "12h"),
        "The time without activity after which a session at the desk ends. Every session ends after 12 hours.",
        default_text="`30m`",
    )
    audit_kept_for: timedelta = setting(
        timedelta(days=730),
        parsing.duration("90d", "3650d"),
        "The time for which the entries of the audit log are kept.",
        default_text="`730d`",
    )

    # Mail
    mail_transport: str = setting(
        "maildir",
        parsing.one_of_words(*TRANSPORTS),
        "The way that mail leaves by: `maildir`, `smtp` or `sendgrid`.",
        default_text="`maildir`",
    )
    mail_from: str = setting(
        "",
        parsing.sender_address,
        "The sender's address. A name before it is left out: `PUBLICATION_NAME` stands there.",
        default_text="`letters@` the host of `PUBLIC_URL`, or `letters@dispatch.example` if that is no domain",
    )
    mail_reply_to: str = setting("", parsing.email_address, "The address for replies, if it is not the sender's.")
    mail_postal_address: str = setting(
        "",
        parsing.text,
        "The postal address in each mail, as the law wants. Web, worker and clock do not start without it.",
        default_text="required",
    )
    mail_rate_limits: tuple[RateLimit, ...] = setting(
        (),
        parsing.listed(parsing.rate_limit),
        "The most mails of digests that all workers together send, like `50/second,9000/hour,90000/day`.",
    )
    mail_deadline: timedelta | None = setting(
        None,
        parsing.duration("1s", "1h"),
        "The time that SendGrid gets for a batch, or a mail server to answer a whole message (RFC 5321 4.5.3.2.6 asks "
        "for 10 minutes). With SendGrid the batch of a killed worker is taken back that much later.",
        default_text="`10m` with SMTP, else `60s`",
    )
    overdue_after: timedelta = setting(
        timedelta(hours=2),
        parsing.duration("0s", "365d"),
        "The delay after which a digest is not sent without an editor's word.",
        default_text="`2h`",
    )
    maildir: Path = setting(
        Path("var/mail"), parsing.folder, "The folder that `maildir` writes to.", default_text="`mail` in `DATA_DIR`"
    )
    smtp_url: str = setting(
        "",
        parsing.text,
        "The mail server: `smtp://user:password@host:587` (STARTTLS when offered; `?starttls=required` or `never`) or "
        "`smtps://…:465`. `?pipelining=never` is for a server that offers it and cannot do it.",
        is_secret=True,
    )
    sendgrid_api_key: str = setting("", parsing.word, "A key of SendGrid's that may send mail.", is_secret=True)
    sendgrid_host: str = setting(
        "https://api.sendgrid.com",
        parsing.site_address,
        "SendGrid's API: `https://api.eu.sendgrid.com` for EU subusers.",
        default_text="`https://api.sendgrid.com`",
    )
    sendgrid_webhook_key: str = setting(
        "",
        parsing.text,
        "The verification key of SendGrid's signed Event Webhook. Without it there is no `/hooks/sendgrid`.",
        has_lines=True,
    )
    return_path_domain: str = setting(
        "",
        parsing.host_name,
        "With SMTP: the domain of signed return paths, whose mail goes to `newsletter bounces read`. Without it "
        "bounces go to the sender.",
    )
    dkim_domain: str = setting(
        "", parsing.host_name, "With SMTP, when the mail server does not sign: the domain of the DKIM signature."
    )
    dkim_selector: str = setting(
        "", parsing.host_name, "The DKIM selector: the public key stands in the DNS at `SELECTOR._domainkey.DOMAIN`."
    )
    dkim_key: str = setting(
        "", parsing.text, "The private key of the DKIM signature (PEM; RSA or Ed25519).", is_secret=True, has_lines=True
    )

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """Keys for signed tokens, the present one last."""
        return (*self.secret_key_fallbacks, self.secret_key)

    @property
    def database_timeouts(self) -> DatabaseTimeouts:
        """How long PostgreSQL is waited for."""
        return DatabaseTimeouts(
            self.database_connect_timeout.total_seconds(),
            self.database_lock_timeout.total_seconds(),
            self.database_statement_timeout.total_seconds(),
            self.database_idle_timeout.total_seconds(),
            self.database_network_timeout.total_seconds(),
        )

    @property
    def send_deadline(self) -> timedelta:
        """MAIL_DEADLINE, or what suits the transport."""
        return self.mail_deadline or timedelta(minutes=10 if self.mail_transport == "smtp" else 1)

    @property
    def public_host(self) -> str:
        """The host of PUBLIC_URL without its port: the domain of List-ID and Message-ID."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def message_id_salt(self) -> bytes:
        """For the Message-IDs of transactional mails: secret, and the same at each try, also after a change of
        SECRET_KEY.
        """
        return hmac.digest(self.suppression_key.encode(), b"message-id", "sha256")

    def url(self, path: str) -> str:
        """An absolute address on this site. Links are made from PUBLIC_URL, never from a Host header."""
        return self.public_url + path

    def check_serving(self) -> None:
        """Raise ConfigurationError if mail must not leave yet: the law wants a postal address in each."""
        if not self.mail_postal_address:
            raise ConfigurationError(
                "setting.no_postal_address",
                "MAIL_POSTAL_ADDRESS is not set: every mail must show where the publication can be reached by post.",
            )


def declared_settings() -> dict[str, Declaration]:
    """All declarations by the name of their field, in the order of the documentation."""
    return {each.name: each.metadata[_DECLARATION] for each in fields(Settings) if _DECLARATION in each.metadata}


NAMES = tuple(name.upper() for name in declared_settings())
"""The names of all settings."""
