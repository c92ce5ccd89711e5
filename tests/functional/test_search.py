"""The search in articles: the same hits on both databases, whatever is typed, and up to date after each change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import hypothesis
import pytest
from hypothesis import strategies as st
from sqlalchemy import text

from newsletter import migrations
from newsletter.articles import article_list, revising
from newsletter.articles.article_filter import ArticleFilter, Period
from newsletter.articles.changes import Change
from newsletter.articles.importing import import_page
from newsletter.articles.models import RevisionKind
from newsletter.articles.page import ParsedPage
from newsletter.core.db import Database
from newsletter.core.search import MOST_COUNTED, SearchQuery, fts5_query, index, words_of

STORIES = [
    ("Überwachung auf der Straße", "Ein Gericht in Zürich", "Kameras gehören ins Register.", "Policy"),
    ("The EU regulates AI models", "Regulators agree", "The AI-Act names open-weight models; don't panic.", "Policy"),
    ("A café in Malmö", "Naïve résumés", "The soft\u00adware reads 100% of C++ and snake_case. №5 ½", "Research"),
    ("Модель и мова", "人工智能", "ﬁne ligatures, ＦＵＬＬ width, İstanbul, ΣΊΣΥΦΟΣ", "Open Source"),
]


@pytest.fixture
def stories(db: Database) -> Database:
    with db.transaction() as session:
        for number, (title, dek, body, section) in enumerate(STORIES, 1):
            page = ParsedPage(
                section, date(2026, number, 2), title, dek, 70, "No hype", 1, (), (f"Point {number}",), (body,)
            )
            import_page(session, page)
    return db


def hits(db: Database, typed: str, **part: object) -> list[int]:
    """The numbers of the stories that are found, the newest first."""
    query = SearchQuery.parse(typed)
    assert query is not None
    with db.reading() as session:
        wanted = ArticleFilter(query=query, **part)  # type: ignore[arg-type]
        found = article_list.article_page(session, 10, wanted).articles
        assert article_list.count_articles(session, wanted) == len(found)
    return [article.article_id for article in found]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("überwachung", [1]),
        ("UBERWACHUNG", [1]),
        ("U\u0308berwach", [1]),  # the umlaut as two characters
        ("strasse", [1]),
        ("Straße", [1]),
        ("stra", [1]),
        ("zurich gericht", [1]),
        ("gericht kein", []),
        ("regul", [2]),
        ("regulat eu", []),  # only the last word may be a beginning
        ("eu regulat", [2]),
        ("ai", [2]),
        ("a", [3]),  # a whole word: a single letter begins nearly everything
        ("ai-act", [2]),
        ("don't", [2]),
        ("open weight", [2]),
        ("cafe naive resume", [3]),
        ("software", [3]),
        ("soft\u00adware", [3]),
        ("c++", [3]),
        ("snake_case", [3]),
        ("no5", [3]),
        ("модель", [4]),
        ("人工智能", [4]),
        ("fine full", [4]),
        ("istanbul", [4]),
        ("σίσυφος", [4]),
        ("point", [4, 3, 2, 1]),
        ("point 3", [3]),
        ("…", []),
        ("§", []),
        ("506f6c696379", []),  # the label of a section is no word
    ],
)
def test_words_find_what_people_mean(stories: Database, typed: str, expected: list[int]) -> None:
    assert hits(stories, typed) == expected


@pytest.mark.parametrize("most_words", [1, 2, 3, 32])
def test_a_beginning_finds_all_words_that_begin_so(
    db: Database, monkeypatch: pytest.MonkeyPatch, most_words: int
) -> None:
    """Whether SQLite is asked for these words, or for the beginning."""
    monkeypatch.setattr(fts5_query, "_MOST_WORDS", most_words)
    with db.transaction() as session:
        for number, title in enumerate(("Clima", "Climates", "Climatology", "Climber", "Clim"), 1):
            page = ParsedPage("Policy", date(2026, number, 2), title, "", 70, "No hype", 1, (), (), ("x",))
            import_page(session, page)
    assert hits(db, "clima") == [3, 2, 1]
    assert hits(db, "climat") == [3, 2]
    assert hits(db, "climatic") == []
    assert hits(db, "climb", section="Policy") == [4]
    assert hits(db, "x clima") == [3, 2, 1]


def test_a_search_in_a_part(stories: Database) -> None:
    assert hits(stories, "point", section="Policy") == [2, 1]
    assert hits(stories, "point", section="Open Source") == [4]
    assert hits(stories, "point", section="Open") == []
    assert hits(stories, "point", period=Period(2026, 3)) == [3]
    assert hits(stories, "point", period=Period(2026, 3), section="Policy") == []


def test_the_index_follows_each_change(stories: Database) -> None:
    with stories.transaction() as session:
        (slug, *_rest) = [each.slug for each in article_list.latest_articles(session)][::-1]
        moved = {"title": "Kameras abgebaut", "date": date(2026, 9, 1), "section": "Safety"}
        revising.revise(session, slug, moved, Change(RevisionKind.CORRECTION, "The cameras are gone."))
    assert hits(stories, "überwachung") == []
    assert hits(stories, "abgebaut", section="Safety", period=Period(2026, 9)) == [1]
    assert hits(stories, "point") == [1, 4, 3, 2]
    with stories.transaction() as session:
        revising.withdraw(session, slug, "It does not stand.")
    assert hits(stories, "point") == [4, 3, 2]
    with stories.transaction() as session:
        revising.revise(session, slug, {}, Change(RevisionKind.UPDATE, "It stands after all."))
    assert hits(stories, "abgebaut") == [1]


def test_what_is_rolled_back_is_not_found(stories: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        _import_and_fail(stories)
    assert hits(stories, "vanished") == []


def _import_and_fail(db: Database) -> None:
    with db.transaction() as session:
        import_page(session, ParsedPage("Policy", date(2026, 1, 1), "Vanished", "", 1, "No hype", 1, (), (), ("x",)))
        raise ZeroDivisionError


@pytest.mark.parametrize("looked_at", [1, 3, 1000])
def test_pages_of_hits_lead_there_and_back(db: Database, monkeypatch: pytest.MonkeyPatch, looked_at: int) -> None:
    """Whether they are among those that are looked at one by one, or not all of them."""
    monkeypatch.setattr(index, "_LOOKED_AT", looked_at)
    with db.transaction() as session:
        for number in range(1, 6):
            page = ParsedPage("Policy", date(2026, 5, number), f"t{number}", "", 1, "No hype", 1, (), (), ("Words",))
            import_page(session, page)
        wanted = ArticleFilter(query=SearchQuery.parse("words"))
        first = article_list.article_page(session, 2, wanted)
        second = article_list.article_page(session, 2, wanted, before=first.older)
        third = article_list.article_page(session, 2, wanted, before=second.older)
        assert [[each.slug for each in page.articles] for page in (first, second, third)] == [
            ["t5", "t4"],
            ["t3", "t2"],
            ["t1"],
        ]
        assert (first.newer, third.older) == (None, None)
        assert article_list.article_page(session, 2, wanted, after=third.newer) == second
        assert article_list.article_page(session, 2, wanted, after=second.newer) == first


def test_many_hits_are_counted_to_a_thousand(db: Database) -> None:
    with db.transaction() as session:
        for number in range(MOST_COUNTED + 5):
            page = ParsedPage("Policy", date(2026, 5, 1), f"t{number}", "", 1, "No hype", 1, (), (), ("Words",))
            import_page(session, page)
        assert article_list.count_articles(session, ArticleFilter(query=SearchQuery.parse("words"))) == MOST_COUNTED + 1


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[list[Database]]:
    """The same stories in a database of each kind."""
    databases = [Database(f"sqlite:///{tmp_path_factory.mktemp('search') / 'a.sqlite3'}"), Database(postgres_url)]
    for database in databases:
        migrations.upgrade(database)
        with database.transaction() as session:
            if not database.is_sqlite:
                session.execute(text("TRUNCATE articles RESTART IDENTITY CASCADE"))
            for number, (title, dek, body, section) in enumerate(STORIES, 1):
                day = date(2026, number, 2)
                import_page(session, ParsedPage(section, day, title, dek, 70, "No hype", 1, (), ("Point",), (body,)))
    yield databases
    for database in databases:
        database.dispose()


WORDS = words_of(*(part for story in STORIES for part in story))
OPERATORS = [
    '"',
    "'",
    "*",
    ":",
    "&",
    "|",
    "!",
    "(",
    ")",
    "-",
    "<->",
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "words:",
    "^",
    "\\",
    "\0",
]
TYPED = st.lists(st.sampled_from([*WORDS, *OPERATORS, " "]) | st.text(max_size=6), max_size=12).map("".join) | st.text()


@hypothesis.given(typed=TYPED, section=st.sampled_from([None, "Policy", "Open Source", "'\"*"]))
@hypothesis.settings(max_examples=300)
@hypothesis.example(typed="foo &", section=None)
@hypothesis.example(typed="a" * 5000, section=None)
@hypothesis.example(typed="\ud800 \udfff", section=None)
@hypothesis.example(typed='"; DROP TABLE articles; --', section=None)
def test_nothing_that_is_typed_is_an_error_and_both_find_the_same(
    both: list[Database], typed: str, section: str | None
) -> None:
    query = SearchQuery.parse(typed)
    if query is not None:
        sqlite, postgresql = (hits(database, typed, section=section) for database in both)
        assert sqlite == postgresql


@hypothesis.given(word=st.text(min_size=3, max_size=30))
def test_a_text_is_found_by_each_of_its_words(word: str) -> None:
    stored = words_of(f"before {word} after")
    query = SearchQuery.parse(word)
    assert query is None or set(query.words) <= set(stored)
