"""Whether this process and its database answer, for monitoring."""

from __future__ import annotations

from flask import Blueprint

from newsletter.core import public_paths
from newsletter.core.runtime import runtime

pages = Blueprint("health", __name__)


@pages.get(public_paths.HEALTH)
def health() -> tuple[dict[str, str], int]:
    """200 and {"status": "ok"} when the database answers."""
    with runtime().db.bare() as connection:  # no session: monitoring asks all day, and an idle site runs nothing else
        connection.exec_driver_sql("SELECT 1")
    return {"status": "ok"}, 200
