"""Stylesheets, icon and script. Browsers keep them for a year, under an address that changes with the content."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, url_for

from newsletter.core import public_paths

FOLDER = Path(__file__).parent / "static"
TYPES = {
    "base.css": "text/css",
    "public.css": "text/css",
    "desk.css": "text/css",
    "mark.svg": "image/svg+xml",
    "mark.ico": "image/x-icon",
    "zone.js": "text/javascript",
    "passkey.js": "text/javascript",
    "story.js": "text/javascript",
    "live.js": "text/javascript",
    "list.js": "text/javascript",
    "schedule.js": "text/javascript",
    "sortable.js": "text/javascript",
    "compose.js": "text/javascript",
}
VENDORED = {
    "sortable.js": "vendor/sortablejs-1.15.7/Sortable.min.js",
}
"""Other people's files, as they came from npm, with licence and version beside them."""
YEAR = 31_536_000

pages = Blueprint("assets", __name__)


def install(app: Flask) -> None:
    """Let templates write `asset('base.css')`."""
    app.jinja_env.globals["asset"] = asset
    app.register_blueprint(pages)


def asset(name: str) -> str:
    """The address of a file in the folder `static`."""
    return url_for("assets.file", version=_version(name), name=name)


@pages.get(public_paths.asset("<version>", "<name>"))
def file(version: str, name: str) -> Response:
    """The file as it is now. It may be kept only under its own version, since a new release may be half deployed."""
    if name not in TYPES:
        abort(404)
    response = Response(content(name), mimetype=TYPES[name])
    if TYPES[name] == "text/css":
        # A sandboxed frame has an origin of its own, from which the default refuses stylesheets (`web.desk`, previews).
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if version == _version(name):
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response


@cache
def content(name: str) -> bytes:
    """The bytes of a file as they are served."""
    content = (FOLDER / VENDORED.get(name, name)).read_bytes()
    return squeezed(content) if TYPES[name] == "text/css" else content


def squeezed(css: bytes) -> bytes:
    """A stylesheet without comments and indentation, a quarter of its size; no string of ours holds what is cut."""
    css = re.sub(rb"/\*.*?\*/", b"", css, flags=re.DOTALL)
    return re.sub(rb"\s*([{};])\s*", rb"\1", re.sub(rb"\s+", b" ", css)).strip()


@cache
def _version(name: str) -> str:
    return hashlib.sha256(content(name)).hexdigest()[:12]
