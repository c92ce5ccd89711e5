"""Editions: blocks put together are the same as their articles rendered alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.digests.rendering import RenderedDigest, render_digest, to_message
from newsletter.digests.segments import FULL_ARTICLES
from newsletter.mail.encoding import encode
from newsletter.mail.message import Recipient
from tests.services.rendered_digests import DAY, MOMENT, SALT, SETTINGS, TOKEN, Content, hostile_revisions, revisions

ARTICLES = revisions(6) + hostile_revisions()
RENDERED = render_digest(Content(revisions=ARTICLES), SETTINGS, day=DAY)


@settings(deadline=None)
@given(st.integers(1, RENDERED.full_mask))
def test_an_edition_equals_its_articles_rendered_alone(mask: int) -> None:
    chosen = [article for i, article in enumerate(ARTICLES) if mask >> i & 1]
    subject, preheader = RENDERED.subject_of(mask), RENDERED.preheader_of(mask)
    alone = render_digest(Content(subject=subject, preheader=preheader, revisions=chosen), SETTINGS, day=DAY)
    html, text = alone.edition(alone.full_mask)
    assert RENDERED.edition(mask) == (
        html.replace(alone.placeholder, RENDERED.placeholder),
        text.replace(alone.placeholder, RENDERED.placeholder),
    )


INTRO_WITH_LEAD = render_digest(Content(revisions=ARTICLES, intro_with_lead=True, lead_position=3), SETTINGS, day=DAY)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, INTRO_WITH_LEAD.full_mask))
def test_an_edition_without_its_intro_equals_a_digest_that_has_none(mask: int) -> None:
    content = Content(
        subject=INTRO_WITH_LEAD.subject_of(mask),
        preheader=INTRO_WITH_LEAD.preheader_of(mask),
        intro=Content().intro if mask >> 3 & 1 else "",
        revisions=[article for i, article in enumerate(ARTICLES) if mask >> i & 1],
    )
    alone = render_digest(content, SETTINGS, day=DAY)
    html, text = alone.edition(alone.full_mask)
    assert INTRO_WITH_LEAD.edition(mask) == (
        html.replace(alone.placeholder, INTRO_WITH_LEAD.placeholder),
        text.replace(alone.placeholder, INTRO_WITH_LEAD.placeholder),
    )


@pytest.mark.parametrize("mask", [0, -1, RENDERED.full_mask + 1])
def test_a_mask_without_its_article_is_refused(mask: int) -> None:
    with pytest.raises(ValueError, match="mask"):
        RENDERED.edition(mask)


def test_no_marker_is_left_and_the_token_stands_in_two_links_only() -> None:
    for part in RENDERED.edition(RENDERED.full_mask):
        assert f"<!--{RENDERED.placeholder}" not in part
        assert part.count(RENDERED.placeholder) == 2
        assert f"https://letters.example.org/preferences/{RENDERED.placeholder}" in part
        assert f"https://letters.example.org/unsubscribe/{RENDERED.placeholder}" in part


def test_a_stored_digest_is_the_same_digest() -> None:
    assert RenderedDigest.from_json(RENDERED.to_json()) == RENDERED


def test_two_renderings_have_different_placeholders() -> None:
    assert render_digest(Content(), SETTINGS).placeholder != render_digest(Content(), SETTINGS).placeholder


def test_the_message_of_an_edition() -> None:
    message = to_message(RENDERED, 0b101, "html", SETTINGS, id_salt=SALT, date=MOMENT, reference=(("batch", "3"),))
    assert "Story number 0" in message.html
    assert "Story number 1<" not in message.html
    assert message.headers == (("List-ID", "Dispatch <letters.letters.example.org>"),)
    assert message.reference == (("batch", "3"),)
    wire = encode(message).render(Recipient(1, "reader@example.org", TOKEN))
    assert wire.count(TOKEN.encode()) == 5
    assert RENDERED.placeholder.encode() not in wire


def test_an_edition_of_text_alone() -> None:
    assert to_message(RENDERED, 1, "text", SETTINGS, id_salt=SALT, date=MOMENT).html == ""


@pytest.mark.parametrize("mask", [0b1, 0b111, 0b1111, 0b101011, (1 << 12) - 1, (1 << len(ARTICLES)) - 1])
def test_an_edition_of_more_than_three_stories_begins_with_their_headlines(mask: int) -> None:
    chosen = [article for i, article in enumerate(ARTICLES) if mask >> i & 1]
    for part in RENDERED.edition(mask):
        before, is_listed, after = part.partition("In this letter")
        assert bool(is_listed) == (len(chosen) > 3)
        assert ("And more, in short" in part) == (len(chosen) > FULL_ARTICLES)
        if is_listed:
            listed = after[: after.index("2 May 2026")]
            found = [i for i in range(6) if f"Story number {i}" in listed]
            assert found == [i for i in range(6) if mask >> i & 1]
            assert "Story number" not in before.split("</div>", 1)[-1]
