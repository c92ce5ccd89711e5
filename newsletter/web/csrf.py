"""Cross-site posts are refused.

They are known by Sec-Fetch-Site, then by Origin, never by a cookie, which only the desk sets. With
`Referrer-Policy: no-referrer` browsers send `Origin: null` even for same-origin posts (tried), so `null` alone is no
proof of a foreign page. A reader's link is guarded by its token as well.
"""

from __future__ import annotations

from flask import Flask, abort, request

from newsletter.web import hosts

FOREIGN_POSTS_ALLOWED = {"readers.subscribe", "readers.unsubscribe", "hooks.sendgrid", "hooks.kofi"}
"""Endpoints that take a post from elsewhere: other sites' forms, which get a page of ours with a button; mail
providers' one-click (RFC 8058); and webhooks, which need a signature or a secret."""

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def install(app: Flask) -> None:
    """Check every request."""
    app.before_request(refuse_foreign_posts)


def refuse_foreign_posts() -> None:
    """403 for a post that another site's page sent."""
    if request.method not in SAFE_METHODS and request.endpoint not in FOREIGN_POSTS_ALLOWED and is_foreign():
        abort(403)


def is_foreign() -> bool:
    """Whether another site's page sent this request. A program that is no browser names neither site nor origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        return False
    return not hosts.is_own_origin(origin)
