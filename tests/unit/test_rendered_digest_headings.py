"""An edition promises what it holds, and sixty articles fit into it."""

from __future__ import annotations

from html import unescape

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.cadence import Cadence
from newsletter.digests.mail_findings import LARGEST
from newsletter.digests.rendering import RenderedDigest, render_digest, to_message
from newsletter.digests.segments import FULL_ARTICLES
from newsletter.digests.text import shortened
from tests.services.rendered_digests import DAY, HEADLINE, MOMENT, SALT, SETTINGS, Content, revision, revisions

TITLES = ("Lead <b> & co", "Second", "Third", "Fourth", "Fifth", "Sixth")
RENDERED = render_digest(
    Content(
        subject="Written", preheader="Before", revisions=[revision(f"s{i}", title=t) for i, t in enumerate(TITLES)]
    ),
    SETTINGS,
    day=DAY,
)
SIXTY = render_digest(Content(revisions=revisions(60)), SETTINGS, day=DAY)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Twenty characters it.", "Twenty characters…"),
        ("Exactly twenty chars", "Exactly twenty chars"),
        ("Seven mid-sized, large", "Seven mid-sized…"),
        ("One Donaudampfschifffahrt", "One Donaudampfschif…"),
        ("人工智能" * 6, "人工智能" * 4 + "人工智…"),
    ],
)
def test_a_headline_is_cut_between_words(text: str, short: str) -> None:
    assert shortened(text, 20) == short


@pytest.mark.parametrize(
    ("mask", "subject", "preheader"),
    [
        (0b111111, "Written", "Before"),
        (0b000001, "Written", "Before"),
        (0b100001, "Written", "Before"),
        (0b111110, "Second", "Third · Fourth · Fifth"),
        (0b101000, "Fourth", "Sixth"),
        (0b100000, "Sixth", ""),
    ],
)
def test_the_written_words_go_with_the_lead_alone(mask: int, subject: str, preheader: str) -> None:
    assert (RENDERED.subject_of(mask), RENDERED.preheader_of(mask)) == (subject, preheader)
    message = to_message(RENDERED, mask, "html", SETTINGS, id_salt=SALT, date=MOMENT)
    assert message.subject == subject
    assert f"<title>{subject}</title>" in message.html
    assert ("display:none" in message.html) == bool(preheader)
    assert (f"<span>{preheader}</span>" in message.html) == bool(preheader)


@given(st.integers(1, RENDERED.full_mask))
def test_an_edition_names_no_headline_that_it_lacks(mask: int) -> None:
    html, text = RENDERED.edition(mask)
    for position, title in enumerate(TITLES):
        assert (title in unescape(html)) == (title in text) == bool(mask >> position & 1)


def test_without_a_written_preheader_each_edition_names_its_own_headlines() -> None:
    named = [revision(f"s{i}", title=title) for i, title in enumerate(TITLES[:3])]
    bare = render_digest(Content(preheader="", revisions=named), SETTINGS, day=DAY)
    assert bare.preheader_of(0b111) == f"{TITLES[1]} · {TITLES[2]}"
    assert bare.preheader_of(0b101) == TITLES[2]
    assert bare.preheader_of(0b110) == TITLES[2]
    assert bare.preheader_of(0b001) == ""
    assert "display:none" not in bare.edition(0b001)[0]


def test_breaking_news_says_so_in_each_subject() -> None:
    content = Content(cadence=Cadence.BREAKING, revisions=[revision("a"), revision("b", title="Another")])
    assert render_digest(content, SETTINGS).subject_of(0b10) == "Breaking news: Another"


def test_a_long_headline_is_cut_in_a_subject() -> None:
    long = render_digest(Content(revisions=[revision("a"), revision("b", title="Long " * 100)]), SETTINGS)
    assert len(long.subject_of(0b10)) <= 250


def test_sixty_articles_fit() -> None:
    html, text = SIXTY.edition(SIXTY.full_mask)
    assert len(html.encode()) <= SIXTY.most_html_bytes < LARGEST
    assert html.count("Read the story") == text.count("Read the story") == FULL_ARTICLES
    assert html.count("<h2") == 60
    assert "Trust 59" in html[html.index("Story number 59") :]
    long = render_digest(Content(revisions=[revision(f"s-{i}", title=HEADLINE) for i in range(60)]), SETTINGS)
    assert long.most_html_bytes < LARGEST


@settings(deadline=None, max_examples=50)
@given(st.integers(1, SIXTY.full_mask))
def test_the_first_of_an_edition_are_in_full_and_no_edition_is_larger_than_is_said(mask: int) -> None:
    html, _text = SIXTY.edition(mask)
    assert html.count("Read the story") == min(mask.bit_count(), FULL_ARTICLES)
    assert html.count("<h2") == mask.bit_count()
    assert len(html.encode()) <= SIXTY.most_html_bytes


def mails(mask: int, **changes: object) -> tuple[str, str, bool]:
    """Subject and preheader of an edition of six articles, and whether both parts hold the intro."""
    articles = [revision(f"s{i}", title=title) for i, title in enumerate(TITLES)]
    values = {"subject": "Written", "preheader": "Before", "intro": "One word.\n\nAnother.", **changes}
    rendered = render_digest(Content(revisions=articles, **values), SETTINGS, day=DAY)  # type: ignore[arg-type]
    html, text = rendered.edition(mask)
    assert ("One word." in html) == ("One word." in text) == ("Another." in html)
    assert "\n\n\n" not in text
    assert len(html.encode()) <= rendered.most_html_bytes
    assert RenderedDigest.from_json(rendered.to_json()) == rendered
    return rendered.subject_of(mask), rendered.preheader_of(mask), "One word." in html


@pytest.mark.parametrize(
    ("lead", "mask", "expected"),
    [
        (2, 0b000100, ("Written", "Before", True)),
        (2, 0b111111, ("Written", "Before", True)),
        (2, 0b000001, ("Lead <b> & co", "", False)),
        (2, 0b100011, ("Lead <b> & co", "Second · Sixth", False)),
        (5, 0b000011, ("Lead <b> & co", "Second", False)),
        (None, 0b111111, ("Lead <b> & co", "Second · Third · Fourth", False)),
        (None, 0b100000, ("Sixth", "", False)),
    ],
)
def test_what_goes_with_the_lead_goes_with_it_wherever_it_stands(
    lead: int | None, mask: int, expected: tuple[str, str, bool]
) -> None:
    assert mails(mask, lead_position=lead, intro_with_lead=True) == expected
    assert mails(mask, lead_position=lead) == (*expected[:2], True)


def test_the_longest_words_of_any_edition_are_counted() -> None:
    """With a short written subject, the editions without the lead are the longer ones."""
    long = [revision(f"s{i}", title=f"{i} {'long ' * 48}", dek="", bullets=[]) for i in range(3)]
    articles = [revision("lead", title="x", dek="", bullets=[]), *long]
    digest = render_digest(Content(subject="x", preheader="x", revisions=articles, lead_position=0), SETTINGS, day=DAY)
    assert max(len(digest.edition(mask)[0].encode()) for mask in range(1, 16)) <= digest.most_html_bytes


def test_a_digest_that_was_frozen_before_there_were_segments_is_read() -> None:
    old = {
        "language": "en",
        "subject": "Old",
        "placeholder": RENDERED.placeholder,
        "mjml": "<mjml/>",
        "html_head": "<a>",
        "html_blocks": ["0", "1", "2"],
        "html_foot": "</a>",
        "text_head": "(",
        "text_blocks": ["x", "y", "z"],
        "text_foot": ")",
    }
    read = RenderedDigest.from_json(orjson.dumps(old))
    assert read.edition(0b110) == ("<a>12</a>", "(yz)")
    assert (read.subject_of(0b110), read.full_mask) == ("Old", 0b111)


def test_the_lead_of_a_digest_that_was_frozen_before_it_could_be_named_is_the_first_article() -> None:
    old = orjson.loads(RENDERED.to_json())
    del old["lead"]
    assert RenderedDigest.from_json(orjson.dumps(old)) == RENDERED
