"""The desk's first page."""

from __future__ import annotations

from newsletter.staff.rights import Right
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, render_desk


@desk.get("")
@desk.get("/", endpoint="home_with_slash")
@needs(Right.WRITE)
def home() -> str:
    """Today."""
    return render_desk("home.html")
