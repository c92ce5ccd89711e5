"""The sign-up form for other sites: a snippet to copy, and how it looks."""

from __future__ import annotations

from flask import render_template

from newsletter.core import public_paths
from newsletter.core.runtime import runtime
from newsletter.web.readers.blueprint import pages


@pages.get(public_paths.EMBED)
def embed() -> str:
    """Plain HTML: no script, no frame, nothing that is loaded from here. It posts to a page of ours."""
    return render_template("embed.html", address=runtime().settings.url(public_paths.SUBSCRIBE))
