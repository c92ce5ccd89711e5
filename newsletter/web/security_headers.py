"""The headers of every answer."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from newsletter.core import public_paths
from newsletter.core.runtime import runtime, runtime_of
from newsletter.web.forms.form_tokens import IN_THIS_ANSWER

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

FRAMED_BY_US = "frame-ancestors 'self'"
"""In the policy of a page that ours may show in a frame: a preview at the desk."""


def install(app: Flask) -> None:
    """Add the headers to each answer, and believe as many proxies as TRUSTED_PROXIES says."""
    if count := runtime_of(app).settings.trusted_proxies:
        # Each proxy appends the address that the request came from: that many at the end can be believed.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=0, x_host=0)  # type: ignore[method-assign]
    app.after_request(add_headers)


def add_headers(response: Response) -> Response:
    """Set what a view has not set. The desk, answers to posts and to readers' links are kept by nobody and found by no
    search engine. Forms with a token are kept by nobody: a token is good for a few uses and a day alone. Proxies keep
    what is alike for everybody (`web.page_cache`), and nothing else.
    """
    present = {name.lower() for name in response.headers.keys()}  # noqa: SIM118 - the keys alone, in one pass
    response.headers.extend([(name, value) for name, value in HEADERS.items() if name.lower() not in present])
    if FRAMED_BY_US in response.headers["Content-Security-Policy"]:
        del response.headers["X-Frame-Options"]
    if runtime().settings.public_url.startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.method == "POST" or "token" in (request.view_args or {}) or is_desk(request.path):
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
    elif IN_THIS_ANSWER in request.environ:
        response.headers["Cache-Control"] = "no-store"
    else:
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def is_desk(path: str) -> bool:
    """Whether a path is the desk's, also where there is no such page."""
    return path == public_paths.DESK or path.startswith(f"{public_paths.DESK}/")
