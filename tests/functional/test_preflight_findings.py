"""What the preflight says of stories, texts, links and the look of the mail: each finding at its place."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import update

from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.models import Article, Markup, Revision, RevisionKind
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.reports.full_preflight import check_all
from newsletter.digests import composing, draft_articles, preflight
from newsletter.digests.findings import Finding
from newsletter.digests.links.own_links import dead_own_paths
from newsletter.digests.queries import get_digest
from newsletter.mail.contrast import contrast, faint_texts
from tests.factories import add_article, add_digest, add_readers, hand_over
from tests.invariants.test_pages import ARGUMENTS, Examples
from tests.services.html_mails import findings_in
from tests.services.statements import statements

NOT_FOR_LINKS = ("/desk", "/assets", "/static", "/healthz", "/readyz", "/hooks", "/subscribe/")


def check(db: Database, settings: Settings, digest_id: int) -> list[Finding]:
    with db.reading() as session:
        return preflight.check_digest(session, settings, get_digest(session, digest_id))


def codes(db: Database, settings: Settings, digest_id: int) -> list[str]:
    return [each.code for each in check(db, settings, digest_id)]


def edit(db: Database, digest_id: int, **texts: Any) -> None:
    with db.transaction() as session:
        composing.edit_draft(session, digest_id, by=OPERATOR, **texts)


@pytest.fixture
def digest_id(db: Database) -> int:
    """A draft of one story, about which there is nothing to say."""
    add_article(db, "A story")
    return add_digest(db)


# Texts


@pytest.mark.parametrize(
    ("texts", "code", "text", "said"),
    [
        ({"subject": "s" * 61}, "text.long_subject", "subject", "The subject has 61 characters"),
        ({"preheader": "p" * 91}, "text.long_preheader", "preheader", "The preheader has 91 characters"),
        ({"intro": "# One\n\n### Three"}, "text.heading_order", "intro", "a heading of level 4 after one of level 2"),
        ({"subject": "TODO: a subject"}, "text.placeholder", "subject", "The subject holds TODO,"),
        ({"intro": "Dear {{ name }}, Lorem Ipsum"}, "text.placeholder", "intro", "holds {{, Lorem Ipsum,"),
        ({"intro": "[](https://a.example/)"}, "link.empty", "intro", "a link without words, to https://a.example/"),
        ({"intro": "[more](https://a.example/) [More](https://b.example/)"}, "link.same_words", "intro", "“More”"),
        ({"intro": "[a](http://a.example/)"}, "link.insecure", "intro", "http://a.example/, without encryption"),
    ],
)
def test_a_text_is_named_and_blocks_nothing(
    db: Database, settings: Settings, digest_id: int, texts: dict[str, str], code: str, text: str, said: str
) -> None:
    assert check(db, settings, digest_id) == []
    edit(db, digest_id, **texts)
    (finding,) = check(db, settings, digest_id)
    assert (finding.code, finding.where, finding.values["text"], finding.blocks) == (code, "texts", text, False)
    assert said in finding.sentence


@pytest.mark.parametrize(
    ("intro", "code"),
    [
        ("[a](https://a.example/?utm_source=mail)", "mail.tracking_link"),
        ("[a](https://a.example/?fbclid=1)", "mail.tracking_link"),
        ("[a](https://bit.ly/x)", "mail.redirect"),
        ("[a](https://a.example/?url=https://b.example/)", "mail.redirect"),
        ("[bank.example.com](https://a.example/)", None),
        ("[https://bank.example](https://a.example/)", "mail.redirect"),
        ("[a](https://letters.example.org/nowhere)", "link.dead_own"),
        ("[a](https://letters.example.org/articles/nothing)", "link.dead_own"),
        ("[a](https://letters.example.org/letters/2020-01-01-daily)", "link.dead_own"),
        ("[a](https://LETTERS.example.org./desk)", "link.dead_own"),
        ("[a](https://letters.example.org/articles/a-story?x=1#y)", None),
        ("[a](https://letters.example.org)", None),
        ("[a](mailto:a@b.example)", None),
    ],
)
def test_a_link_of_the_intro_that_breaks_a_promise_blocks(
    db: Database, settings: Settings, digest_id: int, intro: str, code: str | None
) -> None:
    edit(db, digest_id, intro=intro)
    findings = check(db, settings, digest_id)
    assert [(each.code, each.values.get("text"), each.blocks) for each in findings] == (
        [(code, "intro", True)] if code else []
    )


def test_a_link_in_a_story_is_said_at_the_story(db: Database, settings: Settings) -> None:
    slug = add_article(db, "A story")
    with db.transaction() as session:
        bullets = ["[a](https://bit.ly/x)", "TODO", "[b](https://a.example/?utm_term=1)"]
        session.execute(update(Revision).values(markup=Markup.MARKDOWN, bullets=bullets))
    findings = check(db, settings, add_digest(db))
    assert {each.code for each in findings} == {"mail.redirect", "mail.tracking_link", "text.placeholder"}
    assert {each.values["slug"] for each in findings} == {slug}
    assert {each.where for each in findings} == {"articles"}


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<a href="javascript:alert(1)">a</a>', "mail.forbidden_address"),
        ('<a href=" JavaScript:alert(1)">a</a>', "mail.forbidden_address"),
        ('<a href="data:text/html,a">a</a>', "mail.forbidden_address"),
        ('<a href="/here">a</a>', "mail.forbidden_address"),
        ('<a href="https://a.example/(left out)">a</a>', "mail.personal_address"),
        ('<!--[if mso]><img src="https://t.example/p.gif"><![endif]-->', "mail.remote_resource"),
    ],
)
def test_what_no_mail_may_hold_blocks(html: str, code: str) -> None:
    (finding,) = findings_in(html)
    assert (finding.code, finding.blocks) == (code, True)


# Stories


def revise(db: Database, slug: str, kind: RevisionKind, *, serious: bool = False) -> None:
    with db.transaction() as session:
        revising.revise(session, slug, {"dek": f"Now {clock.now()}"}, Change(kind, "It was two.", serious=serious))


@pytest.mark.parametrize(
    ("kind", "serious", "code", "blocks"),
    [
        (RevisionKind.UPDATE, False, "article.changed", False),
        (RevisionKind.CORRECTION, False, "article.corrected", False),
        (RevisionKind.CORRECTION, True, "article.corrected_seriously", True),
    ],
)
def test_a_story_that_changed_since_is_said_and_refreshed_by_one_move(
    db: Database, settings: Settings, digest_id: int, kind: RevisionKind, serious: bool, code: str, blocks: bool
) -> None:
    revise(db, "a-story", kind, serious=serious)
    revise(db, "a-story", RevisionKind.UPDATE)
    (finding,) = check(db, settings, digest_id)
    assert (finding.code, finding.blocks, finding.values["slug"]) == (code, blocks, "a-story")
    assert (finding.values["revision"], finding.values["newest"]) == (1, 3)
    with db.transaction() as session:
        draft_articles.refresh_articles(session, digest_id, by=OPERATOR)
    assert check(db, settings, digest_id) == []


def test_a_correction_from_before_the_story_was_taken_is_no_finding(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    revise(db, "a-story", RevisionKind.CORRECTION, serious=True)
    digest_id = add_digest(db)
    revise(db, "a-story", RevisionKind.UPDATE)
    assert codes(db, settings, digest_id) == ["article.changed"]


def test_a_story_that_readers_of_the_cadence_had_is_said(db: Database, settings: Settings) -> None:
    add_article(db, "A story")
    add_readers(db, 1)
    sent = hand_over(db, settings)
    assert codes(db, settings, add_digest(db, cadence=Cadence.DAILY)) == []
    add_digest(db)
    revise(db, "a-story", RevisionKind.UPDATE)
    again = add_digest(db)
    (finding,) = check(db, settings, again)
    assert (finding.code, finding.values["digest"], finding.blocks) == ("article.used", sent, False)
    assert codes(db, settings, sent) == ["article.changed"], "a digest is not compared with itself"


def test_trust_below_the_rule_and_much_hype_are_said(db: Database, settings: Settings) -> None:
    add_article(db, "Sure", trust=90)
    digest_id = add_digest(db)
    add_article(db, "Unsure", trust=10)
    add_article(db, "Loud", hype="High hype")
    with db.transaction() as session:
        get_digest(session, digest_id).min_trust = 60
        for slug in ("unsure", "loud"):
            draft_articles.add_article(session, digest_id, slug, by=OPERATOR)
    findings = check(db, settings, digest_id)
    assert [(each.code, each.values["slug"], each.blocks) for each in findings] == [
        ("article.below_trust", "unsure", False),
        ("article.much_hype", "loud", False),
    ]


def test_a_section_that_no_reader_takes_is_said(db: Database, settings: Settings) -> None:
    add_article(db, "A story", section="Policy")
    add_article(db, "Another", section="Research")
    digest_id = add_digest(db)

    def unread() -> list[object]:
        with db.reading() as session:
            findings = check_all(session, settings, get_digest(session, digest_id))
        return [each.values["slug"] for each in findings if each.code == "article.section_unread"]

    assert unread() == [], "without readers there is nothing to say"
    add_readers(db, 2, sections=["Policy", "Safety"])
    assert unread() == ["another"]
    add_readers(db, 1, start=3)
    assert unread() == []


# The look


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((0x77, 0x77, 0x77), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ('<p style="color:#777">Grey</p>', ["Grey"]),
        ('<p style="color:#767676">Grey</p>', []),
        ('<p style="color:#777;font-size:24px">Large</p>', []),
        ('<td bgcolor="#000000"><p style="color:#333333">Dark</p></td>', ["Dark"]),
        ('<div style="background:#123c69"><a style="color:#fff">White</a></div>', []),
        ('<div style="display:none;color:#ffffff">Hidden</div>', []),
        ('<p style="color:var(--x)">Unknown</p><style>p { color: #fff }</style>', []),
        ('<p style="color:#fff">One</p><p>Two</p></b></p><i style="color:#eee">Three', ["One", "Three"]),
    ],
)
def test_faint_texts_are_found(html: str, words: list[str]) -> None:
    assert [each.words for each in faint_texts(html)] == words


@given(st.text(alphabet=st.sampled_from('<>/="#: ;pabdivstylecolor0129f-')))
def test_any_html_is_looked_at(html: str) -> None:
    faint_texts(html)
    findings_in(html)


# Our own pages


def test_every_public_page_is_one_that_links_may_lead_to(app: Flask, db: Database, settings: Settings) -> None:
    examples, adapter = Examples(app, db, settings), app.url_map.bind("letters.example.org")
    values = {**ARGUMENTS, "slug": examples.slug, "letter_name": examples.letter_name}
    paths = {
        adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(NOT_FOR_LINKS) and "token" not in rule.arguments
    }
    paths = {each for each in paths if each != "/feeds/nothing"}
    with db.reading() as session:
        assert dead_own_paths(session, paths) == set()
        assert dead_own_paths(session, {"/nothing", "/articles/nothing"}) == {"/nothing", "/articles/nothing"}


# Cost


def test_the_queries_do_not_grow_with_the_stories(db: Database, settings: Settings) -> None:
    numbers = []
    for count in (2, 15):
        for number in range(count):
            slug = add_article(db, f"Story {count} {number}")
            revise(db, slug, RevisionKind.UPDATE)
        draft = add_digest(db)
        with statements(db) as found:
            assert check(db, settings, draft) == []
        numbers.append(len(found))
    assert numbers[0] == numbers[1] <= 20


# Whatever editors write


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("[]()#!*<>{}%&;:/?=@ \n\u202e\u200babhtps.javscript")),
    st.sampled_from(["http://[", "https://a.example:x/", "https://\u202e.example/", "http://a.example/%", "x", ""]),
)
def test_hostile_texts_are_looked_at(db: Database, settings: Settings, digest_id: int, text: str, address: str) -> None:
    hostile = f"{text} [a]({address})"
    with db.transaction() as session:
        digest = get_digest(session, digest_id)
        digest.subject, digest.preheader, digest.intro = text, text, hostile
        source = {"publisher": "", "title": text, "url": address, "raw": ""}
        values = {"title": text, "dek": text, "bullets": [hostile], "markup": Markup.MARKDOWN, "sources_json": [source]}
        session.execute(update(Revision).values({getattr(Revision, name): value for name, value in values.items()}))
        session.execute(update(Article).values(url=address))
    for finding in check(db, settings, digest_id):
        assert finding.sentence
        assert finding.advice
