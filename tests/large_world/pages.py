"""The addresses of every page of the desk in the large world, from the URL map: a new page needs no entry here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask import Flask

from newsletter.core import public_paths
from tests.bench.public_pages import VOCABULARY
from tests.large_world.present import Present

NO_PAGES = ("desk.audit_log_csv", "desk.outbox_source")
"""Files: as long as what they hold."""
FREQUENT, COMMON, RARE = VOCABULARY[19], VOCABULARY[49], VOCABULARY[399]
"""Words of 7, 4 and 0.6 stories of ten. A search for the last one, and one for the others in a section, fill a page
with 500 stories, too: a page that shows less there would not say what the archive costs.
"""
PARAMETERS = {
    "desk.articles": (
        *(
            f"q={COMMON}",
            f"q={RARE}",
            f"q={FREQUENT}+{COMMON}&section=Section+01",
            "used=no",
            "used=yes",
            "trust=95",
            "state=corrected",
        ),
        *("state=draft", "state=withdrawn", "hype=No+hype", "section=Section+02", "since=2026-01-01"),
    ),
    "desk.compose": (f"q={COMMON}", "q=unused+trust+90", "count=editions", "count=corrections"),
    "desk.audit_log": ("what=digests", "what=people", "who=1"),
    "desk.digests": ("status=sent", "cadence=weekly", "before=100"),
    "desk.outbox": ("q=nothing",),
}
"""Parameters of pages that are looked at besides those without."""


class DeskPage(NamedTuple):
    """An address with the endpoint that answers it."""

    endpoint: str
    path: str


class Examples(NamedTuple):
    """The values for the parts of addresses."""

    present: Present
    member: int
    token: str
    """Of a link by mail."""
    mail: str
    """Its name in the folder."""

    def arguments(self, endpoint: str) -> Mapping[str, Any]:
        """The values for an endpoint."""
        return {"number": self._number(endpoint), "slug": self.present.slug, "token": self.token, "name": self.mail}

    def _number(self, endpoint: str) -> int:
        match endpoint.removeprefix("desk."):
            case "person":
                return self.member
            case "draft" | "draft_preview":
                return self.present.story_draft
            case "sending" | "sending_changes" | "batches" | "cancel_page":
                return self.present.sending
            case _:
                return self.present.draft


def desk_pages(app: Flask, examples: Examples) -> Iterator[DeskPage]:
    """Every address that GET answers with a page or a part of one, and some with parameters."""
    adapter = app.url_map.bind("")
    for rule in app.url_map.iter_rules():
        is_of_desk = rule.rule == public_paths.DESK or rule.rule.startswith(f"{public_paths.DESK}/")
        if not is_of_desk or "GET" not in (rule.methods or ()) or rule.endpoint in NO_PAGES:
            continue
        values = examples.arguments(rule.endpoint)
        path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        yield DeskPage(rule.endpoint, path)
        for parameters in PARAMETERS.get(rule.endpoint, ()):
            yield DeskPage(rule.endpoint, f"{path}?{parameters}")
