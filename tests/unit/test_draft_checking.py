"""Fields of a draft that are checked by themselves."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from newsletter.articles.drafts.checking import change_of
from newsletter.articles.drafts.content import DraftContent
from newsletter.core.errors import InvalidError


@pytest.mark.parametrize("reported_at", ["0001-01-01T00:00", "yesterday", "2026-02-30T10:00", "9999-12-31T23:59"])
def test_a_report_has_a_moment_that_can_be(reported_at: str) -> None:
    errors: dict[str, InvalidError] = {}
    entered = DraftContent(kind="correction", note="A name was wrong.", reported_at=reported_at)
    change_of(entered, ZoneInfo("Europe/Berlin"), errors)
    assert list(errors) == ["reported_at"]
