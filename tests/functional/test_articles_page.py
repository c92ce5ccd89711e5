"""The page of a story, part for part, in every state: as it is, corrected, withdrawn, as it was, read elsewhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import Any

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletter.articles import addresses, importing, page, revising
from newsletter.articles.changes import SMALL_CHANGE, Change
from newsletter.articles.models import Markup, RevisionKind, Source, TrustPart
from newsletter.articles.share_image import svg
from newsletter.core.config import HYPE_LABELS
from newsletter.core.db import Database
from newsletter.core.runtime import runtime_of
from newsletter.web.public.share_images import image_words
from tests.factories import REAL_ARTICLE, add_article

ADDRESS = "https://letters.example.org/articles/"
PARTS = tuple(
    TrustPart(key, points)
    for key, points in zip(("sources", "documents", "people", "checks", "interests"), (12, 22, 15, 8, 12), strict=True)
)
AT = datetime(2026, 5, 4, 8, 5, tzinfo=UTC)
CORRECTION = Change(RevisionKind.CORRECTION, "It is 38 of 64, and not 36.", published_at=AT)


def add(db: Database, change: Change = SMALL_CHANGE, slug: str | None = None, **changes: Any) -> str:
    """The real article with `changes`; its slug."""
    with db.transaction() as session:
        real = page.parse_page(REAL_ARTICLE.read_bytes(), HYPE_LABELS)
        return importing.import_page(session, replace(real, **changes), slug=slug, change=change).slug


def text_of(shown: str) -> str:
    """The words of a page, with single blanks."""
    shown = re.sub(r"<(script|svg|title)\b.*?</\1>", "", shown, flags=re.DOTALL)
    within_lines = re.sub(r"</?(a|b|bdi|span|time)\b[^>]*>", "", shown)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", within_lines)).split())


def article_of(shown: str) -> str:
    return shown.partition("<article>")[2].partition("</article>")[0]


def structured(shown: str) -> dict[str, Any]:
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', shown, re.DOTALL)
    assert block
    found: dict[str, Any] = json.loads(block[1])
    return found


# Part for part


def lines_of_the_real_page() -> list[str]:
    """The saved page, line by line, as the page here writes it: its buttons and labels are parted by blanks."""
    lines = [line.strip() for line in REAL_ARTICLE.read_text().splitlines() if line.strip()]
    rewritten = {
        "Policy · May 2, 2026": "Policy · 2 May 2026",
        "Trust69": "Trust 69",
        "HypeSome hype": "Hype Some hype",
        "ShareXLinkedInEmail": "Share X LinkedIn Email",
        "1. 01The Verge — AIElon Musk confirms xAI used OpenAI's models to train Grok": (
            "The Verge — AI Elon Musk confirms xAI used OpenAI's models to train Grok"
        ),
    }
    return [rewritten.get(line, line.removeprefix("• ").removeprefix("•").strip()) for line in lines]


def test_the_page_is_the_real_article_part_for_part(client: FlaskClient, db: Database) -> None:
    """Each line of the page that was saved stands here, in its order."""
    shown = text_of(client.get(f"/articles/{add(db)}").text)
    place = 0
    for line in lines_of_the_real_page():
        found = shown.find(" ".join(line.split()), place)
        assert found >= 0, f"{line!r} is missing, or stands before what it follows"
        place = found + len(line)
    assert place > len(shown) * 0.8


def test_trust_is_a_number_a_scale_and_a_word(client: FlaskClient, db: Database) -> None:
    shown = article_of(client.get(f"/articles/{add(db)}").text)
    assert "Trust <b>69</b>" in shown
    assert '<line class="to" x1="0" x2="69%"' in shown
    assert ">fair</span>" in shown
    assert "<details" not in shown


def test_why_stands_there_only_where_parts_are_stored(client: FlaskClient, db: Database) -> None:
    slug = add(db, trust_parts=PARTS)
    shown = article_of(client.get(f"/articles/{slug}").text)
    assert "<details><summary>Why 69</summary>" in shown
    for words in ("Independent sources", "12 of 30", "Primary documents", "22 of 25", "15 of 15"):
        assert words in shown
    german = article_of(client.get(f"/articles/{slug}?language=de").text)
    assert "Unabhängige Quellen" in german


def test_share_links_are_plain_and_carry_the_address_alone(client: FlaskClient, db: Database) -> None:
    slug = add(db, title='Quotes "and" <b>markup</b> & ampersands')
    shown = client.get(f"/articles/{slug}?utm_source=x", headers={"X-Forwarded-Host": "evil.example"}).text
    group = shown.partition('class="share"')[2].partition("</div>")[0]
    links = re.findall(r'<a href="([^"]+)" rel="noreferrer">(\w+)</a>', group)
    assert [word for _, word in links] == ["X", "LinkedIn", "Email", "Bluesky", "Mastodon"]
    assert all(ADDRESS.replace(":", "%3A").replace("/", "%2F") + slug in address for address, _ in links)
    assert "evil.example" not in shown
    assert "utm_" not in shown


def test_credits_stand_where_they_are_set(client: FlaskClient, db: Database) -> None:
    assert "Written by" not in client.get(f"/articles/{add(db)}").text
    slug = add(db, title="Credited", written_by="Noor", checked_by="Tomás", ai_use="a first summary")
    shown = client.get(f"/articles/{slug}").text
    assert "Written by Noor · Checked by Tomás · AI was used for: a first summary" in text_of(shown)
    found = structured(shown)
    assert (found["author"]["name"], found["editor"]["name"]) == ("Noor", "Tomás")
    assert found["creditText"] == "a first summary"


def test_also_on_its_section(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    assert "This is the only story in Policy so far." in text_of(client.get(f"/articles/{slug}").text)
    for number in range(4):
        add_article(db, f"Other {number}")
    add_article(db, "Elsewhere", section="Research")
    also = client.get(f"/articles/{slug}").text.partition('id="also"')[2]
    assert [title in also for title in ("Other 0", "Other 1", "Other 3", "Elsewhere", "Musk")] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_markdown_is_rendered_and_text_is_not(client: FlaskClient, db: Database) -> None:
    words: dict[str, Any] = {"bullets": ("A **bold** point",), "paragraphs": ("# A head", "With *emphasis*.")}
    text = client.get(f"/articles/{add(db, title='As text', **words)}").text
    assert "A **bold** point" in text
    assert '<p dir="auto"># A head</p>' in text
    markdown = client.get(f"/articles/{add(db, title='As Markdown', markup=Markup.MARKDOWN, **words)}").text
    assert "A <strong>bold</strong> point" in markdown
    assert '<h2 dir="auto">A head</h2>' in markdown
    assert "<em>emphasis</em>" in markdown


def test_only_a_web_address_of_a_source_is_a_link(client: FlaskClient, db: Database) -> None:
    wrong = ("javascript:alert(1)", "data:text/html,x", "", "//evil.example", "ftp://a.example")
    sources = tuple(Source("", "Told", url, "raw") for url in (*wrong, "https://a.example/x"))
    shown = client.get(f"/articles/{add(db, sources=sources)}").text
    listed = shown.partition('class="sources"')[2].partition("</ol>")[0]
    assert re.findall("<a [^>]*>", listed) == ['<a href="https://a.example/x" rel="noopener noreferrer">']
    assert listed.count("Told") == len(sources)
    assert [each["url"] for each in structured(shown)["citation"] if "url" in each] == ["https://a.example/x"]


# Corrected, withdrawn, as it was


def test_one_revision_has_a_line_and_no_box(client: FlaskClient, db: Database) -> None:
    shown = article_of(client.get(f"/articles/{add(db)}").text)
    assert 'class="fix"' not in shown
    assert "Published 2 May 2026. Nothing has changed since." in text_of(shown)
    assert '/revisions">Its history</a>' in shown


def test_a_correction_stands_between_introduction_and_story(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    add(db, CORRECTION, dek="What was wrong is put right.")
    shown = article_of(client.get(f"/articles/{slug}").text)
    places = [shown.index(part) for part in ("put right", 'class="fix" role="note"', "It is 38 of 64", "TL;DR")]
    assert places == sorted(places)
    assert "Corrected 4 May 2026 at 08:05 (UTC). It is 38 of 64, and not 36. See what changed" in text_of(shown)
    assert "2 revisions, 1 correction. Last changed 4 May 2026 at 08:05 (UTC)." in text_of(shown)


def test_small_changes_and_updates_have_no_box(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    add(db, dek="Changed.")
    add(db, Change(RevisionKind.UPDATE, "More is known."), dek="Changed again.")
    shown = article_of(client.get(f"/articles/{slug}").text)
    assert 'class="fix"' not in shown
    assert "3 revisions. Last changed" in text_of(shown)


def test_every_revision_stays_public_and_tells_of_later_corrections(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    add(db, CORRECTION, dek="What was wrong is put right.")
    before = client.get(f"/articles/{slug}/revisions/1").text
    assert "What was wrong is put right." not in before
    assert "This is revision 1 of 2, kept as it was." in text_of(before)
    assert "Corrected later, 4 May 2026 at 08:05 (UTC). It is 38 of 64" in text_of(before)
    assert f'<link rel="canonical" href="{ADDRESS}{slug}">' in before
    assert '<meta name="robots" content="noindex">' in before
    assert "og:title" not in before
    assert 'class="share"' not in before
    assert "This is revision" not in client.get(f"/articles/{slug}/revisions/2").text


def test_a_revision_that_is_not_there_is_a_404(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    for number in ("0", "3", "99999999999999999999999", "-1", "one", "1.0", "²"):
        assert client.get(f"/articles/{slug}/revisions/{number}").status_code == 404
        assert client.get(f"/articles/{slug}/revisions/{number}.png").status_code == 404


def test_a_withdrawn_story_keeps_its_page_and_says_so(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    with db.transaction() as session:
        revising.withdraw(session, slug, "The document was forged.", published_at=AT)
    answer = client.get(f"/articles/{slug}")
    assert answer.status_code == 200
    shown = article_of(answer.text)
    assert "Withdrawn 4 May 2026 at 08:05 (UTC). The document was forged." in text_of(shown)
    assert "In sworn testimony" not in answer.text
    assert "In federal court testimony" not in shown
    assert f'href="/articles/{slug}/revisions/1">as it stood</a>' in shown
    assert structured(answer.text)["creativeWorkStatus"] == "Withdrawn"
    assert structured(answer.text)["description"] == "The document was forged."
    head = answer.text.partition("</head>")[0]
    assert "In federal court testimony" not in head, "what was withdrawn is not shared any more"
    assert "Trust 69" not in head
    assert '<meta property="og:title" content="Withdrawn: Musk' in head
    assert '<meta property="og:description" content="The document was forged.">' in head
    stood = client.get(f"/articles/{slug}/revisions/1").text
    assert "Withdrawn later, 4 May 2026 at 08:05 (UTC). The document was forged." in text_of(stood)
    assert "In sworn testimony" in stood


def test_a_story_that_was_brought_back_says_so(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    with db.transaction() as session:
        revising.withdraw(session, slug, "The document was forged.", published_at=AT)
        revising.revise(session, slug, {"dek": "It was real."}, Change(RevisionKind.UPDATE, "It was real after all."))
    shown = client.get(f"/articles/{slug}").text
    words = "Withdrawn 4 May 2026 at 08:05 (UTC), and published again since. The document was forged."
    assert words in text_of(article_of(shown))
    assert "In sworn testimony" in shown
    assert structured(shown)["creativeWorkStatus"] == "Published"


# Elsewhere


def test_a_story_that_is_read_elsewhere(client: FlaskClient, db: Database) -> None:
    slug, other = add(db), add_article(db, "Another story")
    with db.transaction() as session:
        addresses.set_article_address(session, slug, "https://dispatch.example/musk?a=1&b=2")
    shown = client.get(f"/articles/{slug}").text
    assert '<link rel="canonical" href="https://dispatch.example/musk?a=1&amp;b=2">' in shown
    assert '<meta property="og:url" content="https://dispatch.example/musk?a=1&amp;b=2">' in shown
    assert 'dir="auto"><a href="https://dispatch.example/musk?a=1&amp;b=2" rel="noreferrer">Musk' in shown
    assert "https%3A%2F%2Fdispatch.example%2Fmusk" in shown
    assert "letters.example.org%2Farticles" not in shown
    for path in ("/articles", f"/articles/{other}"):
        assert '<a href="https://dispatch.example/musk?a=1&amp;b=2">Musk' in client.get(path).text
    assert f'href="/articles/{slug}/revisions"' in shown


def test_all_stories_that_are_read_elsewhere(app: Flask, db: Database) -> None:
    found = runtime_of(app)
    replace(found, settings=replace(found.settings, article_url="https://dispatch.example/s/{slug}")).install(app)
    slug = add(db)
    shown = app.test_client().get(f"/articles/{slug}").text
    assert f'<link rel="canonical" href="https://dispatch.example/s/{slug}">' in shown
    assert f'<a href="https://dispatch.example/s/{slug}">Musk' in app.test_client().get("/articles").text


# What programs read


def test_open_graph(client: FlaskClient, db: Database) -> None:
    slug = add(db, title='Quotes "and" <b>markup</b>', dek="")
    shown = client.get(f"/articles/{slug}").text
    assert f'<meta property="og:url" content="{ADDRESS}{slug}">' in shown
    assert '<meta property="og:title" content="Quotes &#34;and&#34; &lt;b&gt;markup&lt;/b&gt;">' in shown
    assert f'<meta property="og:image" content="{ADDRESS}{slug}/revisions/1.png">' in shown
    assert '<meta property="og:description" content="In sworn testimony before' in shown


def test_structured_data(client: FlaskClient, db: Database) -> None:
    slug = add(db)
    add(db, CORRECTION, dek="Put right.")
    found = structured(client.get(f"/articles/{slug}").text)
    assert found["@type"] == "NewsArticle"
    assert found["headline"].startswith("Musk testifies")
    assert found["url"] == ADDRESS + slug
    assert found["datePublished"] == "2026-05-02T00:00:00+00:00"
    assert found["dateModified"] == "2026-05-04T08:05:00+00:00"
    assert found["correction"] == [
        {"@type": "CorrectionComment", "text": "It is 38 of 64, and not 36.", "datePublished": AT.isoformat()}
    ]
    assert found["publisher"]["correctionsPolicy"] == "https://letters.example.org/corrections"


def test_the_share_image(app: Flask, client: FlaskClient, db: Database) -> None:
    slug = add(db)
    answer = client.get(f"/articles/{slug}/revisions/1.png")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.data.startswith(b"\x89PNG")
    assert len(answer.data) < 80_000
    again = client.get(f"/articles/{slug}/revisions/1.png", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    with app.app_context(), db.transaction() as session:
        revising.withdraw(session, slug, "The document was forged.")
        drawn = svg(image_words(revising.current_revision(session, revising.lock_article(session, slug))))
    assert "Withdrawn" in drawn
    assert not any(word in drawn for word in ("Trust", "fair", "hype"))
    assert client.get(f"/articles/{slug}/revisions/2.png").data != answer.data


# Hostile words

HOSTILE = [
    "{{ 7 * 7 }}",
    "{% raw %}",
    "<script>alert(1)</script>",
    "</title></script><!--",
    "&amp;",
    "😀 · …",
    "'\" onclick=x",
    "W" * 10_000,
    "שלום 123 abc",
    "zero\u200bwidth\u200djoined",
    "\u2028line\u2029ends",
]


@pytest.mark.parametrize("markup", [Markup.TEXT, Markup.MARKDOWN])
def test_text_stays_text_in_every_field(client: FlaskClient, db: Database, markup: Markup) -> None:
    for text in HOSTILE:
        words: dict[str, Any] = dict.fromkeys(("title", "dek", "written_by", "checked_by", "ai_use"), text)
        source = Source(text, text, f"https://a.example/{text[:20]}", text)
        section = f"Section {text[:30]}"
        slug = add(db, **words, bullets=(text,), paragraphs=(text,), markup=markup, sources=(source,), section=section)
        note = " ".join(text[:400].split())
        add(db, Change(RevisionKind.CORRECTION, note), slug, title=f"{text} again", trust=70)
        own = ("", "/revisions", "/revisions/1", "/revisions?from=1&to=2")
        for path in ("/corrections", "/trust", "/articles", *(f"/articles/{slug}{below}" for below in own)):
            check_hostile(client.get(path).text)
        assert structured(client.get(f"/articles/{slug}").text)["headline"] == f"{text} again"
        assert client.get(f"/articles/{slug}/revisions/1.png").data.startswith(b"\x89PNG")


def check_hostile(shown: str) -> None:
    """Valid HTML, without a script and without an attribute that somebody wrote into a text."""
    html5lib.HTMLParser(strict=True).parse(shown)
    assert re.findall(r"<script[^>]*>", shown) in ([], ['<script type="application/ld+json">'])
    assert not re.search(r"<[^>]*\sonclick=x", re.sub(r'"[^"]*"', "", shown))


def test_an_article_that_is_not_there_is_a_404(client: FlaskClient, db: Database) -> None:
    for slug in ("nothing", "%00", "Ä", "a--b", "../etc/passwd", "x" * 5000):
        for below in ("", "/revisions", "/revisions/1", "/revisions/1.png"):
            answer = client.get(f"/articles/{slug}{below}")
            assert answer.status_code == 404
            assert "There is no such page" in answer.text


# Languages


def test_a_story_in_another_language_than_its_page_says_so(client: FlaskClient, db: Database) -> None:
    english, german = add(db, title="Plain words"), add(db, title="Klare Worte", language="de")

    def parts(slug: str, language: str) -> list[tuple[str, str]]:
        shown = article_of(client.get(f"/articles/{slug}?language={language}").text).partition('id="sources"')[0]
        return re.findall(r'<(h1|p|ul|div)[^>]* lang="(\w\w)"', shown)

    assert parts(english, "en") == []
    assert parts(german, "en") == [("h1", "de"), ("p", "de"), ("ul", "de"), ("div", "de")]
    assert parts(english, "de") == [("h1", "en"), ("p", "en"), ("ul", "en"), ("div", "en")]
    assert parts(german, "de") == []


def test_the_list_says_when_it_is_empty(client: FlaskClient, db: Database) -> None:
    assert "No story is out yet" in client.get("/articles").text
    slug = add_article(db, "First words")
    shown = client.get("/articles").text
    assert f'<a href="/articles/{slug}">First words</a>' in shown
    assert client.get("/articles/").text == shown
