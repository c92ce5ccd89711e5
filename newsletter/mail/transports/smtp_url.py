"""SMTP_URL: where the mail server is, how the connection is protected, and who we are there."""

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
    """What SMTP_URL says."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)


def read_url(url: str) -> MailServer:
    """`smtp://[user:password@]host[:port][?starttls=required|never]` (port 25, 587 with a user) or `smtps://…` (465).

    User and password are percent-encoded. With a password STARTTLS is required, unless the URL says never: who can take
    the server's offer out of the conversation (RFC 3207, 6) must not get the password. Raises ConfigurationError with
    a sentence that names SMTP_URL and shows nothing of it.
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
            "after the host (and port) nothing but ?starttls=… may follow; write @, : and / in a user or "
            "password as %40, %3A and %2F"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise _wrong("it must hold a user and a password, or neither")
    if not (user + password).isascii():
        raise _wrong("user and password must be ASCII")
    standard = 465 if parts.scheme == "smtps" else 587 if user else 25
    return MailServer(parts.hostname, port or standard, _tls(parts.scheme, parts.query, bool(user)), user, password)


def _tls(scheme: str, query: str, has_password: bool) -> Tls:
    options = dict(parse_qsl(query, keep_blank_values=True))
    wanted = options.pop("starttls", None)
    if options or wanted not in (None, "required", "never"):
        raise _wrong("its only option is starttls, which is required or never")
    if scheme == "smtps":
        if wanted:
            raise _wrong("smtps:// is encrypted from the first byte and knows no starttls")
        return Tls.IMPLICIT
    return Tls(wanted) if wanted else Tls.REQUIRED if has_password else Tls.OFFERED


def _wrong(why: str) -> ConfigurationError:
    return ConfigurationError(f"SMTP_URL is not valid: {why}.")
