"""What holds for every answer and every request: headers, and who may post.

Cross-site posts are refused by Sec-Fetch-Site, then by Origin, never by a cookie: no page of ours sets one. With
`Referrer-Policy: no-referrer` browsers send `Origin: null` even for same-origin posts (tried), so `null` alone is no
proof of a foreign page. What a reader's link does is guarded by its token; sign-up is exempt, so that other sites can
embed the form.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from newsletter.core.runtime import runtime

FOREIGN_POSTS_ALLOWED = {"readers.subscribe", "readers.unsubscribe"}
"""Endpoints that take a post from elsewhere: embedded forms, and mail providers' one-click (RFC 8058)."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "interest-cohort=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def install(app: Flask) -> None:
    app.before_request(refuse_foreign_posts)
    app.after_request(add_headers)


def refuse_foreign_posts() -> None:
    """403 for a post that another site's page sent."""
    if request.method != "POST" or request.endpoint in FOREIGN_POSTS_ALLOWED:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            abort(403)
        return
    origin = request.headers.get("Origin", "null")
    if origin != "null" and urlsplit(origin).netloc not in (urlsplit(runtime().settings.public_url).netloc, request.host):
        abort(403)


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure or runtime().settings.public_url.startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
