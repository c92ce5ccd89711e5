"""The public pages of articles: the list, a story, its revisions."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest
from flask.testing import FlaskClient

from newsletter.articles import importing, page
from newsletter.articles.models import Source
from newsletter.core.config import HYPE_LABELS
from newsletter.core.db import Database
from tests.factories import REAL_ARTICLE, add_article

ADDRESS = "https://letters.example.org/articles/"


def add(db: Database, **changes: object) -> str:
    """The real article with `changes`; its slug."""
    with db.transaction() as session:
        real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
        return importing.import_page(session, replace(real, **changes)).slug  # type: ignore[arg-type]


def test_the_page_shows_all_that_the_real_article_holds(client: FlaskClient, db: Database) -> None:
    real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
    slug = add(db)
    shown = unescape(client.get(f"/articles/{slug}").text)
    for text in (real.title, real.dek, *real.bullets, *real.paragraphs, ">Policy</span> · ", "2 May 2026"):
        assert text in shown
    for text in ("Trust 69 · fair", "Some hype", "1 source · cross-referenced", "The Verge", "Revision 1"):
        assert text in shown
    assert shown.count("https://ko-fi.com/dispatch") == 1


def test_only_the_address_of_the_article_is_shared(client: FlaskClient, db: Database) -> None:
    slug = add(db, title='Quotes "and" <b>markup</b> & ampersands')
    shown = client.get(f"/articles/{slug}?utm_source=x", headers={"X-Forwarded-Host": "evil.example"}).text
    assert f'<link rel="canonical" href="{ADDRESS}{slug}">' in shown
    assert f'<meta property="og:url" content="{ADDRESS}{slug}">' in shown
    assert (
        '<meta property="og:title" content="Quotes &#34;and&#34; &lt;b&gt;markup&lt;/b&gt; &amp; ampersands">' in shown
    )
    assert '<meta property="og:type" content="article">' in shown
    assert "evil.example" not in shown
    assert "utm_" not in shown
    for place in ("https://x.com/intent/tweet?", "https://www.linkedin.com/sharing/", "mailto:?subject="):
        assert f'<a href="{place}' in shown


def test_every_revision_stays_public(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    add(db, dek="What was wrong is put right.")
    now = client.get(f"/articles/{slug}").text
    assert "What was wrong is put right." in now
    assert f'href="/articles/{slug}/revisions/1"' in now
    before = client.get(f"/articles/{slug}/revisions/1").text
    assert "What was wrong is put right." not in before
    assert "This is revision 1 of 2" in before
    assert f'<link rel="canonical" href="{ADDRESS}{slug}">' in before
    assert "This is revision" not in client.get(f"/articles/{slug}/revisions/2").text
    for number in ("0", "3", "99999999999999999999999", "-1", "one"):
        assert client.get(f"/articles/{slug}/revisions/{number}").status_code == 404


def test_only_a_web_address_of_a_source_is_a_link(client: FlaskClient, db: Database) -> None:
    sources = tuple(Source("", "Told", url, "raw") for url in ("javascript:alert(1)", "https://a.example/x", ""))
    shown = client.get(f"/articles/{add(db, sources=sources)}").text
    assert "javascript:" not in shown
    assert '<a href="https://a.example/x" rel="noreferrer">Told</a>' in shown
    assert shown.count("Told") == 3


@pytest.mark.parametrize("slug", ["nothing", "%00", "Ä", "a--b", "../etc/passwd", "x" * 5000])
def test_an_article_that_is_not_there_is_a_404(client: FlaskClient, db: Database, slug: str) -> None:
    answer = client.get(f"/articles/{slug}")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_the_list_shows_newest_revisions_and_says_when_it_is_empty(client: FlaskClient, db: Database) -> None:
    assert "No story is out yet" in client.get("/articles").text
    slug = add_article(db, "First words")
    shown = client.get("/articles").text
    assert f'<a href="/articles/{slug}">First words</a>' in shown
    assert "· Some hype · 1 source" in shown
    assert client.get("/articles/").text == shown


@pytest.mark.parametrize(
    "text", ["{{ 7 * 7 }}", "{% raw %}", "<script>alert(1)</script>", "</title>", "&amp;", "😀 · …", "'\" onclick=x"]
)
def test_text_stays_text(client: FlaskClient, db: Database, text: str) -> None:
    slug = add(db, title=f"Title {text}", section=text, dek=text, bullets=(text,), paragraphs=(text,))
    for path in (f"/articles/{slug}", "/articles", "/", "/subscribe"):
        shown = client.get(path).text
        assert "<script" not in shown
        assert "onclick=x>" not in shown
        assert text in unescape(shown)


def test_a_story_in_another_language_than_its_page_says_so(client: FlaskClient, db: Database) -> None:
    english, german = add(db, title="Plain words"), add(db, title="Klare Worte", language="de")
    assert 'lang="en"' not in _article(client, english, "en")
    assert _article(client, german, "en").count(' lang="de"') == 4  # title, dek, points, text
    assert _article(client, english, "de").count(' lang="en"') == 6  # … section and sources
    shown = _article(client, german, "de")
    assert 'lang="de"' not in shown
    assert '<span lang="en">Policy</span>' in shown
    stories = client.get("/articles?language=en").text
    assert '<h2 lang="de" dir="auto"><a href="/articles/klare-worte">Klare Worte</a></h2>' in stories
    assert '<h2 dir="auto"><a href="/articles/plain-words">Plain words</a></h2>' in stories


def _article(client: FlaskClient, slug: str, language: str) -> str:
    page = client.get(f"/articles/{slug}?language={language}").text
    return page.partition("<article>")[2].partition("</article>")[0]
