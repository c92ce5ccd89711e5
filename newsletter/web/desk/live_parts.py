"""Parts of pages that are kept live: a poll names the version that the page shows, and 204 says that it still holds.

A poll is no activity: `needs(…, is_activity=False)`. The desk's answers are no-store, so no browser sends an ETag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Response, make_response, render_template, request

from newsletter.staff.rights import Right
from newsletter.web.desk import poll_cache
from newsletter.web.desk.access import needs
from newsletter.web.desk.blueprint import desk, visitor_or_person
from newsletter.web.desk.value_cache import ValueCache
from newsletter.web.desk.wire import WireLine, present_line

VERSION_HEADER = "X-Page-Version"

_line: ValueCache[str, WireLine] = ValueCache(2.0)


def changed_parts(template: str, version: str, values: Callable[[], Mapping[str, object]]) -> Response:
    """The parts that a template renders, with their version, or 204 where the page shows it already."""
    poll_cache.declare_poll()
    if request.args.get("version") == version:
        return Response(status=204)
    response = make_response(render_template(f"desk/{template}", person=visitor_or_person(), **values()))
    response.headers[VERSION_HEADER] = version
    return response


@desk.get("/wire")
@needs(Right.WRITE, is_activity=False)
def wire_changes() -> Response:
    """The wire."""
    line = _line.get("line", lambda: present_line(look_closely=True))
    return changed_parts("_wire.html", line.version, lambda: {"wire": line})
