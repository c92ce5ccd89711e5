"""The newsletter service of Dispatch: `create_app()` is the site, and the context of every command and job."""

from __future__ import annotations

__all__ = ["create_app"]


def __getattr__(name: str) -> object:
    """Import the application when it is used: `newsletter --help` has no need of it."""
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from newsletter.app import create_app

    return create_app
