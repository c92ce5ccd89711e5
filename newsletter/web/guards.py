"""What holds for every answer and every request: headers, and who may post.

Cross-site posts are refused by Sec-Fetch-Site, then by Origin, never by a cookie: no page of ours sets one. With
`Referrer-Policy: no-referrer` browsers send `Origin: null` even for same-origin posts (tried), so `null` alone is no
proof of a foreign page. What a reader's link does is guarded by its token as well.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from werkzeug.middleware.proxy_fix import ProxyFix

from newsletter.core.runtime import runtime, runtime_of

FOREIGN_POSTS_ALLOWED = {"readers.subscribe", "readers.unsubscribe", "hooks.sendgrid"}
"""Endpoints that take a post from elsewhere: other sites' forms, which get a page of ours with a button, mail
providers' one-click (RFC 8058), and hooks, which want a signature."""

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "browsing-topics=(), camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: Flask) -> None:
    if count := runtime_of(app).settings.trusted_proxies:
        # Each proxy adds the address that it was asked from at the end: so many from there can be believed.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=0, x_host=0)  # type: ignore[method-assign]
    app.before_request(refuse_foreign_posts)
    app.after_request(add_headers)


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
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return True
    return host not in (urlsplit(runtime().settings.public_url).netloc, request.host)


def add_headers(response: Response) -> Response:
    """The headers of every answer; what a token opened or a post answered is kept by nobody and found by no engine."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if runtime().settings.public_url.startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.method == "POST" or "token" in (request.view_args or {}):
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
    else:
        response.headers.setdefault("Cache-Control", "no-cache")
    return response
