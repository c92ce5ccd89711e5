"""The small files that programs look for at a fixed address: robots.txt, security.txt and the icon."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from flask import Blueprint, Response

from newsletter.core import clock, public_paths
from newsletter.core.languages import LANGUAGES
from newsletter.core.runtime import runtime
from newsletter.web import assets

pages = Blueprint("site_files", __name__)

EXPIRES_AFTER = timedelta(days=180)
"""RFC 9116 (2.5.5) asks for less than a year."""
DAY = 86_400


@pages.get(public_paths.ROBOTS)
def robots() -> Response:
    """All may be read (RFC 9309). Readers' own pages say noindex: a line here would show where they are."""
    return _text(["User-agent: *", "Allow: /", "", f"Sitemap: {runtime().settings.url(public_paths.SITEMAP)}"])


@pages.get(public_paths.SECURITY)
def security() -> Response:
    """Where to report a security hole (RFC 9116). It expires at the same moment for a whole day."""
    settings = runtime().settings
    contact = settings.security_contact or settings.mail_reply_to or settings.mail_from
    expires = datetime.combine(clock.now().date() + EXPIRES_AFTER, time(), UTC)
    return _text(
        [
            f"Contact: mailto:{contact}",
            f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
            f"Preferred-Languages: {', '.join(LANGUAGES)}",
            f"Canonical: {settings.url(public_paths.SECURITY)}",
        ]
    )


@pages.get(public_paths.FAVICON)
def favicon() -> Response:
    """The icon for programs that do not read the page's link to it."""
    response = Response(assets.content("mark.ico"), mimetype="image/x-icon")
    response.headers["Cache-Control"] = f"public, max-age={DAY}"
    return response


def _text(lines: list[str]) -> Response:
    response = Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
