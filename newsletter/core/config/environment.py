"""Reads the settings from the environment. A wrong one is one sentence with its name, its value and what is allowed.

Every setting can also be given as NAME_FILE, the path of a file that holds it. A single machine starts with none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from newsletter.core.config import parsing
from newsletter.core.config.keys import kept_key
from newsletter.core.config.settings import Declaration, Settings, declared_settings
from newsletter.core.errors import ConfigurationError
from newsletter.core.ids import SuppressionKey
from newsletter.core.queue_socket import socket_path

LONGEST_SHOWN = 60
"""Characters of a wrong value that are shown."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HOLDS_PASSWORD = re.compile("://.*:.*@")


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises ConfigurationError for the first that is wrong or missing."""
    given = {name: read_setting(name, environ) for name in declared_settings()}
    settings = _with_keys(_with_derived_defaults(Settings(**given)))
    _check_transport(settings)
    return settings


def read_setting(name: str, environ: Mapping[str, str] = os.environ) -> Any:
    """The value of one setting, a field of `Settings`, or the field's default. Raises ConfigurationError."""
    text = _text(environ, name.upper())
    return _value(name.upper(), declared_settings()[name], text) if text else getattr(Settings, name)


def _text(environ: Mapping[str, str], name: str) -> str:
    """The text of NAME or of the file NAME_FILE; empty when neither is set."""
    value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if value and path:
        raise ConfigurationError(
            "setting.twice", "%(name)s and %(name)s_FILE are both set: only one may be.", name=name
        )
    if not path:
        return value
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(
            "setting.file",
            "%(name)s_FILE is %(path)s, but that file cannot be read: %(reason)s.",
            name=name,
            path=_shown(path),
            reason=reason,
        ) from None


def _value(name: str, declaration: Declaration, text: str) -> object:
    try:
        if not declaration.has_lines and _CONTROL.search(text):
            raise ValueError("one line of plain text")
        text.encode()  # UnicodeEncodeError is a ValueError
        return declaration.parse(text)
    except UnicodeEncodeError:
        reason = "text in UTF-8"
    except ValueError as error:
        reason = str(error)
    value = "not valid" if declaration.is_secret or _HOLDS_PASSWORD.search(text) else _shown(text)
    # Raised outside of the handlers: an error that is shown with its causes must not show the value.
    raise ConfigurationError(
        "setting.invalid", "%(name)s is %(value)s: it must be %(reason)s.", name=name, value=value, reason=reason
    )


def _shown(text: str) -> str:
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}…"


def _with_derived_defaults(settings: Settings) -> Settings:
    """The settings with the defaults that depend on others. Paths are absolute, whatever folder is current later."""
    data_dir = settings.data_dir.absolute()
    public_url = settings.public_url or f"http://localhost:{settings.port}"
    mail_domain = parsing.mail_domain(public_url) or "dispatch.example"
    is_default_maildir = settings.maildir == Settings.maildir
    return replace(
        settings,
        data_dir=data_dir,
        database_url=settings.database_url or f"sqlite:///{data_dir / 'newsletter.sqlite3'}",
        redis_url=settings.redis_url or f"unix://{quote(str(socket_path(data_dir)))}",
        redis_is_embedded=not settings.redis_url,
        public_url=public_url,
        maildir=data_dir / "mail" if is_default_maildir else settings.maildir,
        mail_from=settings.mail_from or f"letters@{mail_domain}",
    )


def _with_keys(settings: Settings) -> Settings:
    """The settings with the keys of a single machine. Machines that share a database must be given the same ones."""
    is_shared = not settings.database_url.startswith("sqlite")
    keys = {}
    for name in ("secret_key", "suppression_key"):
        value: str = getattr(settings, name)
        if not value and is_shared:
            raise ConfigurationError(
                "setting.no_key",
                "%(name)s is not set, but DATABASE_URL is: all machines need the same %(name)s.",
                name=name.upper(),
            )
        keys[name] = value or kept_key(settings.data_dir / f"{name}.txt")
    return replace(settings, secret_key=keys["secret_key"], suppression_key=SuppressionKey(keys["suppression_key"]))


def _check_transport(settings: Settings) -> None:
    dkim = (settings.dkim_domain, settings.dkim_selector, settings.dkim_key)
    if any(dkim) and not all(dkim):
        raise ConfigurationError(
            "setting.dkim_incomplete",
            "DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY belong together: set all of them, or none.",
        )
    needs = {"smtp": ("SMTP_URL", settings.smtp_url), "sendgrid": ("SENDGRID_API_KEY", settings.sendgrid_api_key)}
    name, value = needs.get(settings.mail_transport, ("", "-"))
    if not value:
        raise ConfigurationError(
            "setting.missing",
            "%(name)s is not set, but MAIL_TRANSPORT=%(transport)s needs it.",
            name=name,
            transport=settings.mail_transport,
        )
