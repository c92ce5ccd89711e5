"""Whether this process and its database answer, for whoever watches over them."""

from __future__ import annotations

from flask import Blueprint
from sqlalchemy import text

from newsletter.core.runtime import runtime

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def health() -> tuple[dict[str, str], int]:
    """200 and {"status": "ok"} when the database answers."""
    with runtime().db.reading() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok"}, 200
