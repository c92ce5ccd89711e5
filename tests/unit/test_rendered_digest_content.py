"""The content of a rendered digest: everything that was written, as text, and nothing that tracks its reader."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import html5lib
import pytest

from newsletter.articles.models import Markup, RevisionKind
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.digests.rendering import render_digest
from newsletter.digests.text import one_line
from tests.services.rendered_digests import (
    DAY,
    HEADLINE,
    HOSTILE,
    SETTINGS,
    Content,
    hostile_revisions,
    revision,
    revisions,
)


def tree_of(html: str) -> Element[str]:
    return html5lib.parse(html, namespaceHTMLElements=False)


def rendered(content: Content) -> tuple[str, str]:
    digest = render_digest(content, SETTINGS, "2026-11-24-weekly", day=DAY)
    return digest.edition(digest.full_mask)


def words_of(html: str) -> str:
    """The text that a mail program shows."""
    body = tree_of(html).find("body")
    assert body is not None
    return " ".join("".join(body.itertext()).split())


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_parts_of_a_digest_in_their_order() -> None:
    html, text = rendered(Content())
    words = [
        "Weekly letter · 24 November 2026",
        "Two things stood out this week.",
        "The rest is shorter than usual.",
        "Policy · 2 May 2026",
        "Musk testifies xAI used model distillation with OpenAI technology in courtroom proceedings",
        "In federal court testimony",
        "Trust 69 of 100 · fair · Some hype · 1 source",
        'answering "partly" when directly asked',
        "MiniMax as a concern.",
        "Read the story",
        "No ads, no sponsors. If Dispatch is useful to you, you can pay for a coffee",
        "You get this weekly letter because you confirmed your subscription to Dispatch at letters.example.org.",
        "Change your preferences",
        "Unsubscribe",
        "Assembled with AI assistance, curated by human editors; we correct publicly",
        "Dispatch, 1 Example Street, 10115 Berlin",
    ]
    for part in (words_of(html), flat(text)):
        places = [part.index(word) for word in words]
        assert places == sorted(places)


def test_the_links_of_a_digest() -> None:
    html, _ = rendered(Content())
    hrefs = [unescape(href) for href in re.findall(r'<a [^>]*href="([^"]*)"', html)]
    site = "https://letters.example.org"
    story = f"{site}/articles/musk-testifies-xai-used-model-distillation"
    assert hrefs[:3] == [f"{site}/", f"{site}/letters/2026-11-24-weekly", f"{site}/subscribe"]
    assert hrefs[3:6] == [story, f"{site}/trust", story]
    assert [href.split("?")[0] for href in hrefs[6:9]] == [
        "https://x.com/intent/tweet",
        "https://www.linkedin.com/sharing/share-offsite/",
        "mailto:",
    ]
    assert hrefs[9] == "https://ko-fi.com/dispatch"
    assert [href.rsplit("/", 1)[0] for href in hrefs[10:12]] == [f"{site}/preferences", f"{site}/unsubscribe"]
    assert hrefs[12:] == [f"{site}/corrections"]
    assert "utm_" not in html


def test_hostile_text_stays_text() -> None:
    html, text = rendered(
        Content(subject=HOSTILE[0], preheader=HOSTILE[3], intro="\n\n".join(HOSTILE), revisions=hostile_revisions())
    )
    shown = words_of(html)
    for hostile in HOSTILE:
        line = one_line(hostile)
        assert shown.count(line) >= 5  # intro, title, dek, two bullets
        assert flat(text).count(line) >= 5
    tree = tree_of(html)
    assert not [tag for tag in ("script", "img", "link", "iframe") if tree.findall(f".//{tag}")]
    assert tree.findtext(".//title") == HOSTILE[0]


def test_a_hostile_digest_has_the_elements_of_a_tame_one() -> None:
    def elements(content: Content) -> list[str]:
        return [str(element.tag) for element in tree_of(rendered(content)[0]).iter()]

    tame = [revision(str(n), bullets=["a", "b"]) for n in range(len(HOSTILE))]
    assert elements(Content(revisions=hostile_revisions())) == elements(Content(revisions=tame))


def test_nothing_is_loaded_from_elsewhere() -> None:
    html, _ = rendered(Content(revisions=hostile_revisions()))
    without_links = re.sub(r'(<a [^>]*?)href="[^"]*"', r"\1", html)
    tags = " ".join(re.findall(r"<[^>]*>", without_links)).replace("http://www.w3.org/1999/xhtml", "")
    assert "http:" not in tags
    assert "https:" not in tags
    assert "src=" not in tags
    styles = " ".join(re.findall(r"<style.*?</style>", html, re.DOTALL))
    assert not re.search(r"@import|url\(", styles + tags)


def test_gmail_does_not_clip_fifteen_long_articles() -> None:
    long = [
        revision(
            f"story-{n}",
            title=HEADLINE,
            bullets=["A sentence of eighty characters is one that fills the line. " * 3] * 6,
        )
        for n in range(15)
    ]
    html, _ = rendered(Content(revisions=long))
    assert len(html.encode()) < 95_000


def test_the_text_fits_its_columns_and_has_no_ragged_gaps() -> None:
    _, text = rendered(Content(revisions=revisions(3)))
    assert max(len(line) for line in text.splitlines() if not line.startswith("https://")) <= 72
    assert "\n\n\n" not in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    assert text.count("-" * 72 + "\n\n") == text.count("-" * 72) == 5


def test_a_bare_digest() -> None:
    bare = revision(dek="", bullets=[])
    html, text = rendered(Content(preheader="", intro=" \n ", revisions=[bare]))
    assert "<ul" not in html
    assert "display:none" not in html
    assert "\n\n\n" not in text


def test_its_day_is_the_publication_s_today() -> None:
    settings = Settings(**{**SETTINGS.__dict__, "timezone": ZoneInfo("Pacific/Auckland")})
    with clock.set_to(datetime(2026, 11, 24, 20, 0, tzinfo=UTC)):
        assert "25 November 2026" in render_digest(Content(), settings).edition(1)[0]


def test_the_subject_is_one_line() -> None:
    assert render_digest(Content(subject=" a\r\n b\u2028c\x00 "), SETTINGS).subject_of(1) == "a b c"


def test_the_intro_is_markdown() -> None:
    html, text = rendered(Content(intro="a\n*b* [c](https://c.example/)\r\n\r\n- d\n- e\n"))
    assert "<em>b</em> <a " in html
    assert "\na b c (https://c.example/)\n\n- d\n- e\n\n" in text


def test_bullets_are_markdown_where_the_revision_is() -> None:
    bullet = "*a* [b](https://b.example/)"
    html, text = rendered(Content(revisions=[revision(markup=Markup.MARKDOWN, bullets=[bullet])]))
    assert "<em>a</em> <a " in html
    assert "- a b (https://b.example/)\n" in text
    html, text = rendered(Content(revisions=[revision(bullets=[bullet])]))
    assert bullet in html
    assert f"- {bullet}\n" in text


def test_credits_stand_in_the_line_of_facts() -> None:
    found = revision(written_by="Ada <b>", checked_by="", ai_use="the first draft")
    html, text = rendered(Content(revisions=[found]))
    assert "1 source · Written by Ada &lt;b&gt; · AI used for: the first draft" in html
    assert "1 source · Written by Ada <b> · AI used for:" in " ".join(text.split())


def test_a_story_that_lives_elsewhere_is_linked_there() -> None:
    found = revision()
    found.article.url = "https://elsewhere.example/story"
    html, text = rendered(Content(revisions=[found]))
    assert html.count('href="https://elsewhere.example/story"') >= 2
    assert "https://letters.example.org/articles/" not in html + text
    settings = replace(SETTINGS, article_url="https://dispatch.example/s/{slug}")
    html = render_digest(Content(), settings).edition(1)[0]
    assert 'href="https://dispatch.example/s/musk-testifies-xai-used-model-distillation"' in html


def test_an_old_article_has_its_own_date() -> None:
    assert "Policy · 31 December 2025" in rendered(Content(revisions=[revision(date=date(2025, 12, 31))]))[1]


def test_people_and_ai_stand_in_the_line_of_facts_where_they_are_known() -> None:
    known = revision(written_by="Ana Reis", checked_by="Tom Ito", ai_use="a first summary")
    line = "1 source · Written by Ana Reis · Checked by Tom Ito · AI used for: a first summary"
    for part in rendered(Content(revisions=[known])):
        assert line in flat(words_of(part) if "<" in part else part)
        assert "Checked by" not in rendered(Content())[0]


def test_before_the_freeze_the_letter_in_the_browser_is_the_list_of_letters() -> None:
    html, text = render_digest(Content(), SETTINGS, day=DAY).edition(1)
    assert 'href="https://letters.example.org/letters"' in html
    assert "\nhttps://letters.example.org/letters\n" in text


EVERY_MARKDOWN = (
    "# Head\n\nWords with `code`.\n\n- one\n- two\n\n1. first\n\n> said\n\n    block\n\n***\n\n## Foot\n\nEnd."
)


@pytest.mark.parametrize("cadence", [Cadence.WEEKLY, Cadence.CORRECTION])
def test_a_mail_needs_nothing_that_outlook_s_word_engine_drops(cadence: Cadence) -> None:
    """It drops the padding of all but cells, colours in the shorthand, images behind, and units of the page; without
    margins of their own it gives paragraphs and lists its own ones (caniemail.com)."""
    is_letter = cadence == Cadence.WEEKLY
    content = Content(intro=EVERY_MARKDOWN, cadence=cadence, revisions=revisions(14 if is_letter else 0))
    wrong = revision("wrong", number=2, kind=RevisionKind.CORRECTION, note="It is 38.", serious=True)
    digest = render_digest(content, SETTINGS, corrections=[wrong], day=DAY)
    blocks = set()
    for element in tree_of(digest.edition(digest.full_mask)[0]).iter():
        tag, style = str(element.tag), element.get("style", "")
        names = {name.strip(): value for name, _, value in (each.partition(":") for each in style.split(";"))}
        if any(re.search("[1-9]", value) for name, value in names.items() if name.startswith("padding")):
            assert tag == "td", style
        if "background" in names:
            assert "background-color" in names, style
        assert not re.search(r"url\(|\d(rem|em|vw|vh)\b|position|float", style), style
        if tag in ("p", "h1", "h2", "h3", "ul", "ol", "li", "blockquote", "pre"):
            assert "margin" in names, f"{tag} {style}"
            blocks.add(tag)
    assert blocks >= {"p", "h3", "ul", "ol", "li", "blockquote", "pre"}


def test_words_beside_each_other_have_spaces_between_them() -> None:
    """Word knows neither margins nor widths of links: without spaces they read as one word."""
    html, _ = rendered(Content())
    assert "Share: X · LinkedIn · Email" in words_of(html)
    assert "Read in the browser Forwarded to you?" in words_of(html)
    assert "Change your preferences Unsubscribe" in words_of(html)
