"""The newsletter service of Dispatch: `create_app()` is the site, and the context of every command and job."""

from newsletter.app import create_app

__all__ = ["create_app"]
