"""SMTP_URL: the mail server, the protection of the connection, and our user there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlsplit

from newsletter.core.errors import ConfigurationError


class Tls(Enum):
    """How a connection is protected."""

    IMPLICIT = "implicit"
    REQUIRED = "required"
    OFFERED = "offered"
    """STARTTLS if the server offers it."""
    NEVER = "never"


@dataclass(frozen=True)
class MailServer:
    """The parts of SMTP_URL."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    pipelining: bool = True
    """Whether PIPELINING is used if the server offers it."""


def read_url(url: str) -> MailServer:
    """Read `smtp://[user:password@]host[:port]` (port 25, 587 with a user) or `smtps://…` (465).

    After a question mark may follow `starttls=required` or `starttls=never`, and `pipelining=never`. User and password
    are percent-encoded. With a password STARTTLS is required, unless the URL says never: an attacker who removes the
    server's offer from the conversation (RFC 3207, 6) must not get the password. Raises ConfigurationError with a
    sentence that names SMTP_URL and shows nothing of it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong("it is not a URL with a port from 0 to 65535") from None
    if parts.scheme not in ("smtp", "smtps"):
        raise _wrong("it must begin with smtp:// or smtps://")
    if not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise _wrong(
            "after the host (and port) nothing but options (?starttls=…) may follow; write @, : and / in a user or "
            "password as %40, %3A and %2F"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise _wrong("it must hold a user and a password, or neither")
    if not (user + password).isascii():
        raise _wrong("user and password must be ASCII")
    options = _options(parts.query)
    tls = _tls(parts.scheme, options.get("starttls"), bool(user))
    standard = 465 if parts.scheme == "smtps" else 587 if user else 25
    return MailServer(parts.hostname, port or standard, tls, user, password, pipelining="pipelining" not in options)


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    allowed = {"starttls": ("required", "never"), "pipelining": ("never",)}
    if any(value not in allowed.get(name, ()) for name, value in options.items()):
        raise _wrong("its only options are starttls, which is required or never, and pipelining, which is never")
    return options


def _tls(scheme: str, wanted: str | None, has_password: bool) -> Tls:
    if scheme == "smtps":
        if wanted:
            raise _wrong("smtps:// is encrypted from the first byte and knows no starttls")
        return Tls.IMPLICIT
    return Tls(wanted) if wanted else Tls.REQUIRED if has_password else Tls.OFFERED


def _wrong(why: str) -> ConfigurationError:
    return ConfigurationError("settings.smtp_url", "SMTP_URL is not valid: %(why)s.", why=why)
