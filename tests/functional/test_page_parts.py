"""The macros that pages are made of, and the masthead and foot that all have."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import html5lib
import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from sqlalchemy import event

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.digests.queries import get_digest
from newsletter.web import navigation
from newsletter.web.charts import ChartValue, bar_chart
from tests.factories import add_article, add_readers, hand_over


@pytest.fixture
def database_url(empty_sqlite_url: str) -> str:
    """One kind of database is enough for what is around a page."""
    return empty_sqlite_url


HOSTILE = "<b>&\"'</b>"


def part(app: Flask, source: str, language: str = "en", **values: Any) -> str:
    """What a template makes of a macro: valid HTML."""
    with app.test_request_context(f"/?language={language}"):
        app.preprocess_request()
        made = render_template_string(source, **values)
    html5lib.HTMLParser(strict=True).parseFragment(made)
    return made


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


@pytest.mark.parametrize(
    ("score", "word"), [(0, "low"), (59, "low"), (60, "fair"), (79, "fair"), (80, "high"), (100, "high")]
)
def test_trust_is_a_number_a_line_and_a_word(app: Flask, score: int, word: str) -> None:
    made = part(app, "{{ trust(score) }}", score=score)
    assert text_of(made) == f"Trust {score} {word}"
    assert f'<line class="to" x1="0" x2="{score}%"' in made
    assert 'aria-hidden="true"' in made


def test_trust_in_german(app: Flask) -> None:
    source = "{{ trust(69) }}"
    assert text_of(part(app, source, "de")) == "Vertrauenswert 69/100 mittel"


def test_the_large_scale_has_ticks_where_the_word_changes(app: Flask) -> None:
    made = part(app, '{% from "_scale.html" import trust_in_full with context %}{{ trust_in_full(69) }}')
    assert re.findall(r'class="hair" x1="(\d+)%"', made) == ["60", "80"]


def test_the_parts_of_a_score_are_lines_of_their_own(app: Flask) -> None:
    parts = [{"name": HOSTILE, "points": 8, "most": 15}]
    made = part(app, '{% from "_scale.html" import trust_parts with context %}{{ trust_parts(parts) }}', parts=parts)
    assert "8 of 15" in made
    assert 'x2="53.33%"' in made
    assert "<b>&" not in made


def test_a_chart_writes_each_value_twice_as_a_bar_and_in_a_table(app: Flask) -> None:
    chart = bar_chart([ChartValue(HOSTILE, 388, "388"), ChartValue("May", 412, "412")], limit=900)
    made = part(
        app,
        '{% from "_chart.html" import bars with context %}'
        '{{ bars(chart, "Support", "in euros", "From 388 to 412", ("Month", "Received")) }}',
        chart=chart,
    )
    assert made.count(">388<") == made.count(">412<") == 2
    assert 'class="limit"' in made
    assert "<b>&" not in made
    assert 'style="' not in made


def test_a_correction_is_a_note_that_begins_with_its_date(app: Flask) -> None:
    made = part(
        app,
        '{% from "_story.html" import correction with context %}'
        '{% call correction("Corrected 4 May 2026.") %}It is 38, not 36. <a href="/x">See</a>{% endcall %}',
    )
    assert (
        '<div class="fix" role="note"><p><b>Corrected 4 May 2026.</b> It is 38, not 36. <a href="/x">See</a></p></div>'
        in made
    )


def test_a_section_head_and_a_pager_and_counted_links(app: Flask) -> None:
    made = part(
        app,
        '{% from "_parts.html" import section_head, pager, counted_links with context %}'
        '{{ section_head("Sources", "sources") }}{{ pager("More", "/n", "Newer", none, "Older") }}'
        '{{ pager("More", none, "Newer", none, "Older") }}{{ counted_links(rows) }}',
        rows=[{"words": HOSTILE, "count": 5, "path": "/x?a=1&b=2", "is_current": True}],
    )
    assert '<h2 class="kicker" id="sources">Sources</h2>' in made
    assert made.count("<nav") == 1
    assert "Older" not in made
    assert '<a href="/x?a=1&amp;b=2" aria-current="true">' in made


# The masthead


def test_the_masthead_leads_to_each_section(client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    add_article(db, "Two", section="R&D “x”")
    page = client.get("/embed").text
    assert '<a href="/articles?section=Policy">Policy</a>' in page
    assert "R&amp;D “x”</a>" in page


def test_the_masthead_marks_the_part_of_the_site(client: FlaskClient, db: Database, settings: Settings) -> None:
    slug = add_article(db, "A story")
    add_readers(db, 1)
    with db.transaction() as session:
        letter = get_digest(session, hand_over(db, settings)).letter_name
    marked = {
        "/articles": "Stories page",
        f"/articles/{slug}": "Stories true",
        f"/articles/{slug}/revisions": "Corrections true",
        "/letters": "Letters page",
        f"/letters/{letter}": "Letters true",
        "/": "",
    }
    for path, expected in marked.items():
        [masthead] = re.findall(r'<nav aria-label="Main menu">(.*?)</nav>', client.get(path).text, re.DOTALL)
        found = [f"{name} {how}" for how, name in re.findall(r'aria-current="(\w+)">(\w+)<', masthead)]
        assert found == [expected] * bool(expected), path


def test_the_sections_are_read_anew_only_when_something_changed(app: Flask, client: FlaskClient, db: Database) -> None:
    read: list[str] = []
    event.listen(runtime_of(app).db.engine, "before_cursor_execute", lambda *args: read.append(args[2]))
    add_article(db, "One", section="Policy")
    assert "/articles?section=Policy" in client.get("/embed").text
    read.clear()
    assert "/articles?section=Policy" in client.get("/embed").text
    assert not any("section" in statement for statement in read)
    add_article(db, "Two", section="Research")
    assert "/articles?section=Research" in client.get("/embed").text


def test_the_page_of_a_fault_asks_the_database_for_nothing(app: Flask, client: FlaskClient, db: Database) -> None:
    add_article(db, "One", section="Policy")
    client.get("/embed")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE revisions RENAME TO elsewhere")
        connection.exec_driver_sql("ALTER TABLE public_content RENAME TO elsewhere_too")
    answer = client.get("/")
    assert answer.status_code == 500
    assert "/articles?section=Policy" in answer.text


def test_head_and_foot_have_all_their_links(app: Flask, client: FlaskClient) -> None:
    page = client.get("/").text
    for link in (*navigation.HEAD, *navigation.FOOT):
        assert f">{link.words}</a>" in page
        assert {link.endpoint, *link.below} <= app.view_functions.keys(), "a name that is none would mark nothing"


def test_the_foot_has_the_standing_words(app: Flask, client: FlaskClient) -> None:
    page = text_of(client.get("/").text)
    for words in (
        "Dispatch is assembled with AI assistance and curated by human editors;",
        "despite the trust-score filter, mistakes happen.",
        "We correct publicly — every article links to its revision history.",
        "Nothing here is financial, legal, or medical advice. Verify before relying on any claim.",
        "Dispatch. No ads. No sponsorships. No paid placement. Reader-supported via Ko-fi.",
        "Built by a person who cares about honest AI news.",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("motto", "language", "shown"),
    [
        ("Made in Lisbon.", "de", "Made in Lisbon."),
        ("", "en", ""),
        ("Built by a person who cares about honest AI news.", "de", "Gemacht von einem Menschen"),
    ],
)
def test_the_last_sentence_is_a_setting(app: Flask, motto: str, language: str, shown: str) -> None:
    found = runtime_of(app)
    replace(found, settings=replace(found.settings, publication_motto=motto)).install(app)
    page = app.test_client().get(f"/?language={language}").text
    assert ("<br>" + shown in page) if shown else ("<br>" not in page)
