"""The privacy page says of each table and column what it is for: compared with the schema and the settings."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from newsletter.core.config import Settings
from newsletter.core.languages import language_of
from newsletter.delivery.events import stored_reports
from newsletter.mail import outgoing_retries
from newsletter.migrations.tables import metadata
from newsletter.privacy.kept_data import KEPT
from newsletter.privacy.reader_tables import READER_TABLES
from newsletter.subscribers import retention

ABOUT_NOBODY = {
    "acceptance_proofs": "attempts of batches",
    "article_drafts": "stories that editors write",
    "articles": "stories",
    "clock_ticks": "a count of ticks",
    "digest_articles": "stories of a letter",
    "digest_corrections": "corrections that a letter told of",
    "digest_changes": "what editors changed in a letter",
    "digest_tallies": "sums of a letter",
    "link_checks": "addresses of other sites",
    "digests": "letters, as they are written for all",
    "import_progress": "counts of an import",
    "key_fingerprints": "our own keys",
    "monthly_figures": "sums of a month",
    "passkeys": "editors",
    "public_content": "a number",
    "recovery_codes": "editors",
    "rendered_digests": "letters, without a reader's link",
    "revisions": "stories",
    "rubrics": "how stories are scored",
    "staff_links": "editors",
    "staff_members": "editors",
    "staff_sessions": "editors",
    "support_costs": "our costs",
    "support_goals": "our goals",
    "support_refused_posts": "counts of posts",
    "used_challenges": "editors",
}
"""Tables in which nothing is about readers. One that is added stands here or on the privacy page."""

OF_THE_BATCH = {
    *("id", "digest_id", "state", "attempt", "lease_until", "due_at", "not_before", "failures", "deferred_since"),
    *("provider_batch_id", "withdrawing", "provider_ref", "resent_attempt", "mailed_twice", "attempted_at", "note"),
    *("tracking", "created_at"),
}
"""Columns of `batches` about the request to the provider, alike for all its readers."""


def explained() -> Counter[tuple[str, str]]:
    return Counter((table, column) for kept in KEPT for table, columns in kept.columns.items() for column in columns)


def test_each_table_is_explained_or_about_nobody() -> None:
    tables = {table.name for table in metadata.sorted_tables}
    on_the_page = {table for table, _column in explained()}
    assert on_the_page | set(ABOUT_NOBODY) == tables
    assert not on_the_page & set(ABOUT_NOBODY)
    assert {table.name for table in READER_TABLES} <= on_the_page


def test_each_column_of_these_tables_is_explained_once() -> None:
    found = explained()
    assert set(found.values()) == {1}
    columns = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        if table.name not in ABOUT_NOBODY
        for column in table.columns
    }
    assert columns - set(found) == {("batches", column) for column in OF_THE_BATCH}
    assert set(found) <= columns


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["90 days longer", "4 years after the end"]),
        ({"ended_subscriptions_kept_for": timedelta(days=17)}, ["17 days longer"]),
        ({"consent_kept_for": timedelta(days=1000)}, ["1,000 days after the end"]),
        ({"consent_kept_for": timedelta(days=365)}, ["1 year after the end"]),
    ],
)
def test_the_times_are_those_of_the_settings(
    settings: Settings, changes: dict[str, timedelta], words: list[str]
) -> None:
    language = language_of("en")
    changed = replace(settings, **changes)  # type: ignore[arg-type]
    page = " ".join(kept.until % {"time": language.lasting(kept.time(changed))} for kept in KEPT if kept.time)
    for each in words:
        assert each in page


def test_the_times_of_the_code_are_said() -> None:
    times = {kept.time(Settings()) for kept in KEPT if kept.time}
    assert times >= {
        retention.UNCONFIRMED_FOR,
        outgoing_retries.GIVE_UP_AFTER,
        stored_reports.KEPT_FOR,
        Settings().ended_subscriptions_kept_for,
        Settings().consent_kept_for,
    }
    for kept in KEPT:
        assert ("%(time)s" in kept.until) == (kept.time is not None), kept.what


def test_every_row_stands_on_the_page(client: FlaskClient) -> None:
    page = unescape(client.get("/privacy?language=en").text)
    for kept in KEPT:
        for words in (kept.what, kept.why, kept.until.partition("%")[0]):
            assert words in page
