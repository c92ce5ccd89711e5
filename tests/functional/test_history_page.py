"""The history of a story: every revision with what changed, any two compared, and the list of all corrections."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from newsletter.articles import revising
from newsletter.articles.changes import SMALL_CHANGE, Change
from newsletter.articles.models import RevisionKind, TrustPart
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.db import Database
from newsletter.delivery.reports.told import ToldBy
from newsletter.web.public import corrections as corrections_page
from newsletter.web.public import history as history_page
from tests.factories import add_article
from tests.functional.test_articles_page import PARTS, add, text_of

REPORTED = datetime(2026, 5, 12, 7, 24, tzinfo=UTC)
AT = REPORTED + timedelta(minutes=41)
CORRECTION = Change(
    RevisionKind.CORRECTION, "It is 38 of 64, and not 36.", serious=True, reported_at=REPORTED, published_at=AT
)


def revise(db: Database, slug: str, change: Change = SMALL_CHANGE, **fields: Any) -> None:
    with db.transaction() as session:
        assert revising.revise(session, slug, fields, change)


def entry_of(shown: str, number: int) -> str:
    return shown.partition(f'<li id="r{number}"')[2].partition("</li>")[0]


@pytest.fixture
def slug(db: Database) -> str:
    """A story of three revisions: as published, updated, corrected."""
    slug = add(db, dek="By March, 36 of 64 were back.", written_by="Tomás", trust_parts=PARTS)
    more = tuple(TrustPart(part.key, part.points + 2 if part.key == "documents" else part.points) for part in PARTS)
    update = Change(RevisionKind.UPDATE, "The report was read.", published_at=datetime(2026, 5, 2, 15, 30, tzinfo=UTC))
    parts = [{"key": part.key, "points": part.points} for part in more]
    revise(db, slug, update, trust=71, trust_parts=parts)
    revise(db, slug, CORRECTION, dek="By March, 38 of 64 were back.", checked_by="Noor")
    return slug


def test_each_revision_says_when_why_and_what(client: FlaskClient, slug: str) -> None:
    shown = client.get(f"/articles/{slug}/revisions").text
    assert "Revision history · 3 revisions, 1 correction" in text_of(shown)
    correction = text_of(entry_of(shown, 3))
    for words in (
        "Revision 3 Correction serious",
        "12 May 2026 at 08:05 (UTC), as its editor says · Written by Tomás · Checked by Noor",
        "10 days after publication, 41 minutes after the mistake was reported",
        "It is 38 of 64, and not 36.",
        "Introduction By March, [removed: 36 end of removed] [added: 38 end of added] of 64 were back.",
        "Checked by [added: Noor end of added]",
        "Unchanged: Headline, TL;DR, Text, Sources, Trust and Hype.",
    ):
        assert words in correction
    update = text_of(entry_of(shown, 2))
    for words in ("Revision 2 Update", "The report was read.", "Trust: Primary documents [removed: 22", "[added: 24"):
        assert words in update
    assert "after publication" not in update
    first = text_of(entry_of(shown, 1))
    assert "Revision 1 2 May 2026, the date on its page" in first
    assert first.endswith("Published.")


def test_removed_and_added_words_are_told_without_colour(client: FlaskClient, slug: str) -> None:
    """By elements, to which the style sheet adds signs, and by words for those who listen."""
    shown = entry_of(client.get(f"/articles/{slug}/revisions").text, 3)
    assert '<del><span class="out">[removed: </span>36<span class="out"> end of removed]</span></del>' in shown
    assert '<ins><span class="out">[added: </span>38<span class="out"> end of added]</span></ins>' in shown


def test_a_revision_without_a_time_of_its_own_has_that_of_its_import(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    with clock.set_to(AT):
        revise(db, slug, dek="Other words.")
    shown = text_of(client.get(f"/articles/{slug}/revisions").text)
    assert "Revision 2 Small change 12 May 2026 at 08:05 (UTC), when it came to this site" in shown


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (timedelta(hours=9), "on the day of publication"),
        (timedelta(days=1, hours=23), "1 day after publication"),
        (timedelta(days=200), "200 days after publication"),
    ],
)
def test_how_long_a_correction_took(client: FlaskClient, db: Database, later: timedelta, words: str) -> None:
    """A page has a day and no time, so nothing smaller is said."""
    slug = add(db)
    when = datetime(2026, 5, 2, tzinfo=UTC) + later
    revise(db, slug, Change(RevisionKind.CORRECTION, "Put right.", published_at=when), dek="Right.")
    assert words in client.get(f"/articles/{slug}/revisions").text


def test_a_withdrawal_in_the_history(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    with db.transaction() as session:
        revising.withdraw(session, slug, "The document was forged.", published_at=AT)
    shown = client.get(f"/articles/{slug}/revisions").text
    assert "2 revisions, withdrawn" in text_of(shown)
    assert "Revision 2 Withdrawal 12 May 2026" in text_of(shown)
    assert "10 days after publication" in text_of(shown)


def test_the_history_says_how_many_were_told(client: FlaskClient, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = ToldBy(1, Cadence.WEEKLY, None, AT, 29_848)
    monkeypatch.setattr(history_page, "told_by", lambda session, ids: {number: [letter] for number in ids})
    shown = client.get(f"/articles/{slug}/revisions").text
    assert "Told to 29,848 readers in the letter of 12 May 2026." in entry_of(shown, 3)
    assert "Told to" not in entry_of(shown, 2)


def test_a_correction_that_another_overtook_says_what_was_told_instead(
    client: FlaskClient, db: Database, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(session: object, ids: list[int]) -> dict[int, list[ToldBy]]:
        """Somebody of the newest; of the one before, a digest that reached nobody."""
        return {each: [ToldBy(1, Cadence.WEEKLY, None, AT, 7 if each == max(ids) else 0)] for each in ids}

    monkeypatch.setattr(history_page, "told_by", told)
    revise(db, slug, Change(RevisionKind.CORRECTION, "It is 40.", published_at=AT), dek="By March, 40 were.")
    shown = client.get(f"/articles/{slug}/revisions").text
    assert f'Readers were told of <a href="/articles/{slug}/revisions/4">revision 4</a>, which followed.' in entry_of(
        shown, 3
    )
    assert "Told to 7 readers" in entry_of(shown, 4)
    assert shown.count("Told to") == shown.count("Readers were told") == 1


def test_any_two_revisions_are_compared_at_an_address_that_stays(client: FlaskClient, slug: str) -> None:
    form = client.get(f"/articles/{slug}/revisions").text.partition("<form")[2].partition("</form>")[0]
    assert '<option value="2" selected>' in form.partition("</select>")[0]
    assert '<option value="3" selected>' in form.partition("</select>")[2]
    shown = client.get(f"/articles/{slug}/revisions?from=1&to=3").text
    for words in ("From revision 1 to revision 3", "[removed: 36", "[added: 71", "Trust: Primary documents"):
        assert words in text_of(shown)
    assert text_of(client.get(f"/articles/{slug}/revisions?from=3&to=1").text).count("[removed: 36") == 1
    same = client.get(f"/articles/{slug}/revisions?from=2&to=2").text
    assert "Nothing in the story itself changed." in same
    german = client.get(f"/articles/{slug}/revisions?from=1&to=3&language=de").text
    assert '<input type="hidden" name="language" value="de">' in german
    assert f"/articles/{slug}/revisions?from=1&amp;to=3&amp;language=en" in german


@pytest.mark.parametrize(
    "query", ["from=1", "to=1", "from=0&to=1", "from=1&to=9", "from=x&to=1", "from=²&to=1", "before=1", "before=-1"]
)
def test_an_address_that_names_no_revision_is_a_404(client: FlaskClient, slug: str, query: str) -> None:
    assert client.get(f"/articles/{slug}/revisions?{query}").status_code == 404


def test_a_page_of_revisions_has_few_addresses(client: FlaskClient, slug: str) -> None:
    def status(query: str) -> int:
        return client.get(f"/articles/{slug}/revisions?{query}").status_code

    furthest = 3 + history_page.PAGE_SIZE + 1
    assert status(f"before={furthest}") == 200
    for query in (f"before={furthest + 1}", "before=999999999", "before=03", "from=01&to=3", "from=1&to=0003"):
        assert status(query) == 404, query


def test_a_long_history_is_paged(client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_page, "PAGE_SIZE", 3)
    slug = add(db)
    for number in range(2, 9):
        revise(db, slug, dek=f"Words {number}.")
    seen: list[list[str]] = []
    shown, older = "", [f"/articles/{slug}/revisions"]
    while older:
        shown = client.get(older[0]).text
        seen.append(re.findall(r'<li id="r(\d+)"', shown))
        assert "[removed:" in shown or seen[-1] == ["2", "1"]
        older = re.findall(r'class="older" href="([^"]+)"', shown)
    assert seen == [["8", "7", "6"], ["5", "4", "3"], ["2", "1"]]
    newer = re.search(r'<a href="([^"]+)" rel="prev"', shown)
    assert newer
    assert re.findall(r'<li id="r(\d+)"', client.get(newer[1]).text) == ["5", "4", "3"]


# All corrections


def test_corrections_and_withdrawals_are_listed_the_newest_first(client: FlaskClient, db: Database, slug: str) -> None:
    withdrawn = add_article(db, "Withdrawn")
    with db.transaction() as session:
        revising.withdraw(session, withdrawn, "Forged.", published_at=AT + timedelta(days=1))
    updated = add_article(db, "Updated")
    revise(db, updated, Change(RevisionKind.UPDATE, "More."), dek="More.")
    shown = client.get("/corrections").text
    words = text_of(shown)
    assert words.index("Withdrawn Forged.") < words.index("It is 38 of 64")
    assert "13 May 2026 at 08:05 (UTC) · Withdrawal" in words
    assert "10 days after publication, 41 minutes after the mistake was reported" in words
    assert f'href="/articles/{slug}/revisions#r3"' in shown
    assert "Updated" not in words


def test_no_correction_yet(client: FlaskClient, db: Database) -> None:
    assert "No mistake has been corrected yet." in client.get("/corrections").text


def test_the_list_of_corrections_is_paged(client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections_page, "PAGE_SIZE", 2)
    slug = add(db)
    for number in range(1, 6):
        note = Change(RevisionKind.CORRECTION, f"Note {number}.", published_at=AT + timedelta(days=number % 3))
        revise(db, slug, note, dek=f"Words {number}.")
    seen: list[str] = []
    shown, older = "", ["/corrections"]
    while older:
        shown = client.get(older[0]).text
        seen += re.findall(r"Note (\d)", shown)
        older = re.findall(r'class="older" href="([^"]+)"', shown)
    assert seen == ["5", "2", "4", "1", "3"]
    assert '<a href="/corrections" rel="prev">Newest corrections</a>' in shown
    for query in ("0", "x", "1-1", "9999999999999999999-1", ""):
        assert client.get(f"/corrections?before={query}").status_code == 404
