"""The composer: its page, its moves by forms, candidates, the preview, and who gets what."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from newsletter.articles import revising
from newsletter.articles.changes import Change
from newsletter.articles.models import Revision, RevisionKind
from newsletter.core import clock
from newsletter.core.actors import OPERATOR
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.delivery.freezing.audience import count_masks
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.delivery.reports.edition_counts import NothingReason, count_editions
from newsletter.delivery.reports.reader_preferences import count_preferences
from newsletter.digests import changes, drafting, scheduling
from newsletter.digests.candidates import find_candidates, search_candidates
from newsletter.digests.links import stored_checks
from newsletter.digests.links.models import LinkVerdict
from newsletter.digests.links.probing import ProbeResult
from newsletter.digests.models import Digest, DigestStatus
from newsletter.digests.queries import get_digest, get_with_articles
from newsletter.digests.rendering import RenderedDigest
from newsletter.mail.spam_score import SpamScore
from newsletter.staff.rights import Role
from newsletter.subscribers.files.imported_readers import ImportedReader, import_rows
from newsletter.subscribers.models import Subscriber
from newsletter.subscribers.preferences import Preferences
from newsletter.web.desk import cached_spam_scores
from newsletter.web.desk.compose_preview import PREVIEW_POLICY
from tests.factories import add_article, add_digest, add_readers, hand_over, send_digest
from tests.invariants.test_pages import check_page
from tests.services import desk
from tests.services.desk import DeskClient
from tests.services.statements import statements

MAY = clock.now().replace(year=2026, month=5, day=4, hour=12, minute=0)
SOURCE = "https://sources.example/story"
HOSTILE = (
    "<script>alert(1)</script> {{ 7 * 7 }} \"quotes\" 'more' & </textarea></title>",
    "x" * 10_000,
    "\u202eright to left\u202c \u200b\u200bzero width \U0001f600 שלום",
)


@pytest.fixture
def slugs(db: Database) -> list[str]:
    return [add_article(db, title, trust=trust) for title, trust in (("A", 90), ("B", 80), ("C", 70))]


@pytest.fixture
def draft(db: Database, slugs: list[str]) -> int:
    return add_digest(db)


def path(number: int, **query: str | int) -> str:
    return f"/desk/digests/{number}/compose" + (f"?{urlencode(query)}" if query else "")


def order(db: Database, number: int) -> str:
    with db.reading() as session:
        return "".join(revision.title for revision in get_digest(session, number).revisions)


def shown_version(person: DeskClient, number: int) -> str:
    found = re.search(r'data-version="(\d+)"', person.get(path(number)).text)
    assert found is not None
    return found[1]


def move(person: DeskClient, number: int, do: str, version: str = "", **fields: str | int) -> TestResponse:
    version = version or shown_version(person, number)
    return person.post(path(number), {"version": version, "do": do, **fields})


@pytest.fixture
def other(app: Flask, db: Database, settings: Settings) -> DeskClient:
    """A browser of a second editor."""
    number = desk.add_person(db, Role.EDITOR, name="Jonas Berg", email="jonas@dispatch.example", settings=settings)
    return desk.sign_in(app, db, settings, number)


def test_stories_and_candidates_are_shown_as_they_are_now(
    editor: DeskClient, db: Database, settings: Settings, draft: int, slugs: list[str]
) -> None:
    """Both are drawn once for each state: each of these changes leads to another one."""
    a, b, _c = slugs
    with clock.set_to(MAY):
        new = add_article(db, "D", trust=85)

        def row(start: str, **query: str) -> str:
            (found,) = re.findall(rf"<li {start}.*?</li>", editor.get(path(draft, **query)).text, re.DOTALL)
            return " ".join(found.split())

        story, candidate, dropped = f'id="story-{a}"', f'data-slug="{new}"', f'data-slug="{b}"'
        before = row(story), row(candidate)
        assert (row(story), row(candidate)) == before
        assert "in=de" in row(story, **{"in": "de"}), "links keep the preview"
        with db.transaction() as session:
            mended = Change(RevisionKind.CORRECTION, "It was not so.")
            revising.revise(session, a, {"title": "A, mended"}, mended)
        send_digest(db, settings, Cadence.DAILY)
        assert "was corrected since" in row(story)
        assert "used on 4 May" in row(candidate)
        assert move(editor, draft, "dek", slug=a, dek="Only here").status_code == 303
        assert "Only here" in row(story)
        assert "<textarea" in row(story, dek=a)
        assert "<textarea" not in row(story)
        assert 'class="in"' in row(dropped)
        assert move(editor, draft, f"drop/{b}").status_code == 303
        assert f'value="add/{b}"' in row(dropped)
        assert move(editor, draft, f"add/{new}").status_code == 303
        assert 'class="in"' in row(candidate)
        assert f'value="drop/{new}"' in row(f'id="story-{new}"')


def test_moves_by_forms(editor: DeskClient, db: Database, draft: int, slugs: list[str]) -> None:
    a, b, c = slugs
    for do, expected in (
        (f"down/{a}", "BAC"),
        (f"up/{c}", "BCA"),
        (f"up/{b}", "BCA"),
        (f"place/{a}", "ABC"),
        (f"drop/{b}", "AC"),
        (f"put_back/{b}", "ABC"),
        (f"drop/{a}", "BC"),
        (f"add/{a}", "BCA"),
        ("undo", "BC"),
        ("redo", "BCA"),
    ):
        assert move(editor, draft, do, position=1).status_code == 303, do
        assert order(db, draft) == expected, do
    page = editor.get(path(draft, done="redo")).text
    check_page(page)
    assert "Added “A”" in page
    assert "by you" in page
    with db.reading() as session:
        last = changes.last_change(session, draft)
        assert last is not None
        assert last.by_id == editor.number


def test_words_and_deks_are_kept(editor: DeskClient, db: Database, draft: int, slugs: list[str]) -> None:
    texts = {"subject": "Words", "preheader": "More", "intro": "One\r\n\r\n*Two*"}
    assert move(editor, draft, "texts", **texts).status_code == 303
    assert move(editor, draft, "dek", slug=slugs[1], dek="For this letter").status_code == 303
    assert move(editor, draft, "lead", slug=slugs[1]).status_code == 303
    with db.reading() as session:
        digest = get_digest(session, draft)
        assert (digest.subject, digest.preheader, digest.intro) == ("Words", "More", "One\n\n*Two*")
        assert digest.deks[1] == "For this letter"
        assert digest.lead_position == 1
    assert "Own dek for this digest" in editor.get(path(draft)).text


def test_each_button_keeps_the_words_that_come_along(
    editor: DeskClient, db: Database, draft: int, slugs: list[str]
) -> None:
    """Without scripts they do, and may not be saved yet."""
    words = {"subject": "Words", "preheader": "More", "intro": "One\r\n\r\nTwo [site](https://elsewhere.example/)"}
    asked = shown_version(editor, draft)
    assert move(editor, draft, f"down/{slugs[0]}", **words).status_code == 303
    assert order(db, draft) == "BAC"
    with db.reading() as session:
        digest = get_digest(session, draft)
        assert (digest.subject, digest.preheader) == ("Words", "More")
        assert digest.intro.startswith("One\n\nTwo")
        assert stored_checks.links_wait(session)
    page = editor.get(path(draft)).text
    assert "Undo: Moved" in page
    assert move(editor, draft, f"up/{slugs[2]}", asked, subject="Late", preheader="", intro="").status_code == 409
    refused = move(editor, draft, f"drop/{slugs[0]}", subject="", preheader="Typed", intro="Kept")
    assert refused.status_code == 422
    assert "Kept</textarea>" in refused.text
    assert order(db, draft) == "BAC", "all of it, or nothing"
    version = shown_version(editor, draft)
    move(editor, draft, "check", **words)
    assert shown_version(editor, draft) == version, "words that stay change no digest"
    assert move(editor, draft, "undo", **words | {"subject": "Typed before Undo"}).status_code == 303
    assert "Redo: Changed the words around the stories" in editor.get(path(draft)).text, "the words are not lost"


def test_a_link_that_saves_leads_to_pages_of_the_desk_alone(
    editor: DeskClient, db: Database, draft: int, slugs: list[str]
) -> None:
    """Without scripts the links of the page are buttons, whose address says where they lead."""
    words = {"do": "texts", "preheader": "", "intro": ""}
    for to, expected in (
        (f"/desk/digests/{draft}/schedule", f"/desk/digests/{draft}/schedule"),
        (path(draft, dek=slugs[0], q="a b"), path(draft, dek=slugs[0], q="a b")),
        ("https://elsewhere.example/", "/desk"),
        ("//elsewhere.example/desk", "/desk"),
    ):
        fields = {**words, "subject": f"To {to}", "version": shown_version(editor, draft)}
        answer = editor.post(path(draft, to=to), fields)
        assert (answer.status_code, answer.headers["Location"]) == (303, expected)
        with db.reading() as session:
            assert get_digest(session, draft).subject == f"To {to}"


def test_an_open_dek_is_kept_by_each_button(editor: DeskClient, db: Database, draft: int, slugs: list[str]) -> None:
    a, b, _ = slugs
    version = shown_version(editor, draft)
    assert move(editor, draft, f"down/{a}", slug=b, dek="Typed").status_code == 303
    assert order(db, draft) == "BAC"
    assert "“Typed”" in editor.get(path(draft)).text
    late = move(editor, draft, f"up/{a}", version, slug=b, dek="Typed on an older page")
    assert late.status_code == 409
    assert ">Typed on an older page</textarea>" in late.text
    refused = move(editor, draft, f"up/{a}", slug=b, dek="Beside a mistake", subject="", preheader="", intro="")
    assert refused.status_code == 422
    assert ">Beside a mistake</textarea>" in refused.text
    check_page(refused.text)
    version = shown_version(editor, draft)
    assert move(editor, draft, "check", slug=b, dek="Typed").status_code == 303
    assert shown_version(editor, draft) == version, "a dek that stays changes no digest"


def test_what_cannot_be_accepted_stays_in_its_field(
    editor: DeskClient, db: Database, draft: int, slugs: list[str]
) -> None:
    answer = move(editor, draft, "texts", subject="", preheader="p" * 300, intro="Kept")
    assert answer.status_code == 422
    check_page(answer.text)
    assert "Kept</textarea>" in answer.text
    answer = move(editor, draft, "dek", slug=slugs[0], dek="d" * 1001)
    assert answer.status_code == 422
    check_page(answer.text)
    assert "d" * 1001 in answer.text
    answer = move(editor, draft, "texts", subject="S", preheader="", intro="i" * 20_001)
    assert answer.status_code == 422
    assert "The intro has 20001 characters; at most 20000 are allowed." in answer.text
    assert "i" * 20_001 in answer.text
    with db.reading() as session:
        assert get_digest(session, draft).intro == ""


@pytest.mark.parametrize("is_first", [True, False])
def test_a_move_on_an_older_state_says_what_the_other_did(
    editor: DeskClient, other: DeskClient, db: Database, draft: int, slugs: list[str], is_first: bool
) -> None:
    early, late = (editor, other) if is_first else (other, editor)
    version = shown_version(late, draft)
    assert move(early, draft, f"down/{slugs[0]}").status_code == 303
    answer = move(late, draft, "texts", version, subject="Not lost", preheader="", intro="")
    assert answer.status_code == 409
    check_page(answer.text)
    name = "Editor Example" if is_first else "Jonas Berg"
    assert f"Moved “A” to 2, by {name}" in answer.text
    assert ">Not lost</textarea>" in answer.text
    assert "Stored now:" in answer.text
    assert order(db, draft) == "BAC"
    # Looked at, done again.
    assert move(late, draft, "texts", subject="Not lost", preheader="", intro="").status_code == 303


def test_another_undoes_and_sees_whose_it_was(
    editor: DeskClient, other: DeskClient, db: Database, draft: int, slugs: list[str]
) -> None:
    move(editor, draft, f"drop/{slugs[0]}")
    page = other.get(path(draft)).text
    assert "Undo: Took out “A”" in page
    assert "by Editor Example" in page
    assert move(other, draft, "undo").status_code == 303
    page = editor.get(path(draft)).text
    assert "Redo: Took out “A”" in page
    assert "undone by Jonas Berg" in page
    assert order(db, draft) == "ABC"


def test_nonsense_is_refused(editor: DeskClient, db: Database, draft: int, slugs: list[str]) -> None:
    for do, status in (("", 400), ("nothing", 400), ("add/no-such-story", 404), (f"place/{slugs[0]}", 422)):
        assert move(editor, draft, do, position="x").status_code == status, do
    for version in ("", "-1", "x", "9" * 30):
        assert editor.post(path(draft), {"version": version, "do": f"drop/{slugs[0]}"}).status_code == 409
    assert editor.get(path(10**30)).status_code == 404
    assert order(db, draft) == "ABC"


def test_authors_and_what_is_no_draft_are_looked_at(
    app: Flask, db: Database, settings: Settings, editor: DeskClient, draft: int
) -> None:
    number = desk.add_person(db, Role.AUTHOR, email="author@dispatch.example")
    author = desk.sign_in(app, db, settings, number)
    page = author.get(path(draft)).text
    check_page(page)
    assert 'id="moves"' not in page
    with db.transaction() as session:
        session.execute(update(Digest).values(status=DigestStatus.SCHEDULED, scheduled_at=clock.now()))
    page = editor.get(path(draft)).text
    check_page(page)
    assert 'id="moves"' not in page
    assert "Nothing can be changed until it is a draft again" in page


def test_a_draft_is_begun_duplicated_and_filled(editor: DeskClient, db: Database, slugs: list[str]) -> None:
    with clock.set_to(MAY):
        begun = editor.post("/desk/digests/new", {"cadence": "weekly"})
        assert begun.status_code == 303
        page = editor.get(begun.headers["Location"]).text
        check_page(page)
        assert "No story yet" in page
        number = int(re.findall(r"\d+", begun.headers["Location"])[0])
        assert move(editor, number, "choose").status_code == 303
        assert order(db, number) == "ABC"
        copy = editor.post(f"/desk/digests/{number}/duplicate")
        assert order(db, int(re.findall(r"\d+", copy.headers["Location"])[0])) == "ABC"
        assert editor.post("/desk/digests/new", {"cadence": "hourly"}).status_code == 422
        assert editor.post("/desk/digests/new", {"cadence": "correction"}).status_code == 422


def test_candidates_are_unused_first_and_by_trust(db: Database, settings: Settings, slugs: list[str]) -> None:
    with clock.set_to(MAY):
        hand_over(db, settings)
        add_article(db, "New and low", trust=40)
        add_article(db, "New and high", trust=85)
        with db.transaction() as session:
            session.execute(update(Digest).values(frozen_at=MAY - timedelta(days=3)))
        number = add_digest(db)
        with db.reading() as session:
            digest = get_with_articles(session, number)
            found = find_candidates(session, digest, settings.timezone)
            assert [each.title for each in found.recent] == ["New and high", "New and low", "A", "B", "C"]
            assert [bool(each.uses) for each in found.recent] == [False, False, True, True, True]
            assert all(each.is_held for each in found.recent)
            titles = [each.title for each in search_candidates(session, digest, "unused trust 80", settings.timezone)]
            assert titles == ["New and high"]
            found_words = search_candidates(session, digest, "HIGH", settings.timezone)
            assert [each.title for each in found_words] == ["New and high"]
            for nothing in ("", "   ", "nosuchword", "' OR 1 --", "\x00"):
                assert not search_candidates(session, digest, nothing, settings.timezone)


def add_choices(db: Database) -> None:
    """Readers of many preferences."""
    people = [
        (Preferences("weekly"), 4),
        (Preferences("weekly", ("Policy",), 0), 3),
        (Preferences("weekly", ("Sports",), 0), 2),
        (Preferences("weekly", None, 75), 5),
        (Preferences("weekly", None, 99), 1),
        (Preferences("daily", None, 0), 7),
    ]
    with db.transaction() as session:
        rows = [preferences for preferences, count in people for _ in range(count)]
        import_rows(session, [ImportedReader(f"r{n}@readers.example", each) for n, each in enumerate(rows)])


def test_editions_are_counted_as_the_freeze_would(db: Database, settings: Settings, draft: int) -> None:
    add_choices(db)
    with db.transaction() as session:
        tomorrow = clock.now().date() + timedelta(days=1)
        first = session.scalars(
            select(Subscriber.id).where(Subscriber.cadence == "weekly").order_by(Subscriber.id).limit(1)
        ).one()
        session.execute(update(Subscriber).where(Subscriber.id == first).values(paused_until=tomorrow))
    with db.reading() as session:
        digest = get_digest(session, draft)
        for cadence in (Cadence.WEEKLY, Cadence.DAILY, Cadence.BREAKING):
            choices = count_preferences(session, settings, cadence)
            counts = count_editions(choices, digest.revisions, settings.hype_labels)
            masks = count_masks(session, settings, cadence, digest.revisions, begins=clock.now())
            assert {each.mask: each.readers for each in counts.editions} == {m: n for m, n in masks.items() if m}
            assert sum(counts.nothing.values()) - counts.nothing.get(NothingReason.PAUSE, 0) == masks[0]
        counts = count_editions(
            count_preferences(session, settings, Cadence.WEEKLY), digest.revisions, settings.hype_labels
        )
        assert counts.nothing == {NothingReason.PAUSE: 1, NothingReason.SECTIONS: 2, NothingReason.TRUST: 1}
        assert counts.by_story == [11, 11, 6]


def test_who_gets_what_is_kept_and_brought_up_to_date(
    editor: DeskClient, db: Database, draft: int, slugs: list[str]
) -> None:
    add_choices(db)
    now = clock.now()
    with clock.set_to(now):
        assert "Count the readers" in editor.get(path(draft)).text
        page = editor.get(path(draft, count="editions")).text
        check_page(page)
        assert "No mail:" in page
        assert re.search(r"All 3 stories</a>.*?</th>.*?>7</td>", page, re.DOTALL)
        assert "Trust 75 and more" in page
        add_readers(db, 10, start=900)
        # Another order is counted at once, from the same choices.
        move(editor, draft, f"drop/{slugs[0]}")
        assert re.search(r"All 2 stories</a>.*?</th>.*?>7</td>", editor.get(path(draft)).text, re.DOTALL)
    with clock.set_to(now + timedelta(minutes=2)):
        assert re.search(
            r"All 2 stories</a>.*?</th>.*?>17</td>", editor.get(path(draft, count="editions")).text, re.DOTALL
        )


def test_findings_stand_at_the_story_and_in_the_list(
    editor: DeskClient, db: Database, draft: int, slugs: list[str]
) -> None:
    with db.transaction() as session:
        content = session.scalars(select(Revision).where(Revision.title == "A")).one().content()
        change = Change(RevisionKind.UPDATE, "Something new")
        article = session.scalars(select(Revision).where(Revision.title == "A")).one().article
        revising.add_revision(session, article, content | {"dek": "New"}, change)
    page = editor.get(path(draft)).text
    check_page(page)
    assert page.count("has changed since: the digest holds revision 1, the newest is 2.") == 2
    assert "This story has changed since" in page
    assert f'value="refresh/{slugs[0]}"' in page
    assert move(editor, draft, f"refresh/{slugs[0]}").status_code == 303
    assert "has changed since" not in editor.get(path(draft)).text


# ---- The preview


def test_the_preview_is_what_will_be_sent(editor: DeskClient, db: Database, settings: Settings) -> None:
    for title, section in (("A", "Policy"), ("B", "Research")):
        add_article(db, title, section=section)
    add_readers(db, 3)
    number = send_digest(db, settings)
    with db.reading() as session:
        rows = session.scalars(select(RenderedDigestRow).where(RenderedDigestRow.digest_id == number))
        rendered = {row.language: RenderedDigest.from_json(row.content) for row in rows}["en"]
    for mask in (1, 2, 3):
        answer = editor.get(f"/desk/digests/{number}/preview?edition={mask}")
        html, text = rendered.edition(mask)
        own = re.compile(rf'href="[^"]*{rendered.placeholder}[^"]*"')
        assert answer.text == own.sub('href="#"', html)
        assert rendered.placeholder not in answer.text
        answer = editor.get(f"/desk/digests/{number}/preview?edition={mask}&part=text")
        assert answer.text == text.replace(rendered.placeholder, "…")
        assert answer.mimetype == "text/plain"
        assert answer.headers["Content-Security-Policy"] == PREVIEW_POLICY
        assert "X-Frame-Options" not in answer.headers


def test_the_preview_of_a_reader_who_chose(editor: DeskClient, db: Database, draft: int) -> None:
    preview = f"/desk/digests/{draft}/preview"
    assert "Wöchentlich" in editor.get(f"{preview}?in=de").text or "Abbestellen" in editor.get(f"{preview}?in=de").text
    chosen = editor.get(f"{preview}?edition=chosen&trust=85&section=Policy&part=text").text
    assert "\nA\n" in chosen
    assert "\nB\n" not in chosen
    for nothing in ("edition=chosen&section=Sports", "edition=0", "edition=99999999999999999999", "edition=8"):
        answer = editor.get(f"{preview}?{nothing}")
        assert answer.text == "No story fits: no mail."
    assert editor.get(f"{preview}?edition=%00&trust=999999&hype=x&in=xx&part=y").status_code == 200


def test_hostile_words_break_neither_page_nor_preview(editor: DeskClient, db: Database) -> None:
    for number, text in enumerate(HOSTILE):
        add_article(db, f"{text[:900]} {number}", section=f"S{number}")
    draft = add_digest(db, subject="Plain")
    with db.reading() as session:
        slugs = [revision.slug for revision in get_digest(session, draft).revisions]
    for text, slug in zip(HOSTILE, slugs, strict=True):
        assert move(editor, draft, "dek", slug=slug, dek=text[:900]).status_code == 303
        answer = move(editor, draft, "texts", subject=text[:240], preheader=text[:240], intro=text)
        assert answer.status_code == 303
        for query in ("", "?in=de", "?part=text", "?edition=1"):
            answer = editor.get(f"/desk/digests/{draft}/preview{query}")
            assert answer.status_code == 200
            assert "<script" not in answer.text or query == "?part=text"
        for query in ("", "?count=editions", f"?dek={slug}", f"?{urlencode({'q': text})}"):
            page = editor.get(path(draft) + query)
            assert page.status_code == 200
            check_page(page.text)
            assert "<script>alert" not in page.text
            assert "49" not in re.findall(r"<textarea[^>]*>([^<]*)", page.text)
    megabyte = move(editor, draft, "texts", subject="S", preheader="", intro="m" * 1_000_000)
    assert megabyte.status_code in (303, 413)
    check_page(editor.get(path(draft)).text)


# ---- Speed


@pytest.mark.parametrize("query", ["", "?count=editions", "?q=trust+10"])
def test_the_number_of_queries_does_not_grow(editor: DeskClient, db: Database, settings: Settings, query: str) -> None:
    add_article(db, "Old")
    add_readers(db, 3)
    hand_over(db, settings)
    counts = []
    for titles in (range(2), range(2, 20)):
        for n in titles:
            add_article(db, f"Story {n}")
        number = add_digest(db)
        with statements(db) as found:
            assert editor.get(path(number) + query).status_code == 200
        counts.append(len(found))
    assert counts[1] <= counts[0] <= 15  # the second time, readers were counted already


def test_each_preview_takes_few_queries(editor: DeskClient, db: Database, draft: int) -> None:
    with statements(db) as found:
        assert editor.get(f"/desk/digests/{draft}/preview").status_code == 200
    assert len(found) <= 5


def test_settings_reach_the_findings(app: Flask, db: Database, settings: Settings, draft: int) -> None:
    person = desk.sign_in(app, db, settings, desk.add_person(db))
    app.extensions["newsletter"] = replace(
        app.extensions["newsletter"], settings=replace(settings, mail_postal_address="")
    )
    assert "MAIL_POSTAL_ADDRESS is not set" in person.get(path(draft)).text


# ---- The preflight at the desk


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page)))


def preflight_of(person: DeskClient, number: int, **query: str) -> list[str]:
    """The list of findings: what blocks first."""
    found = re.search(r'<ul class="findings">(.*?)</ul>', person.get(path(number, **query)).text, re.DOTALL)
    assert found is not None
    return found[1].split("<li>")[1:]


def test_each_finding_has_its_remedies_as_links(
    editor: DeskClient, db: Database, draft: int, slugs: list[str], settings: Settings
) -> None:
    with db.transaction() as session:
        digest = get_digest(session, draft)
        digest.subject, digest.intro = "x" * 61, f"[one]({settings.public_url}/nowhere) [two](http://elsewhere.example)"
        digest.min_trust = 75
    with db.transaction() as session:
        stored_checks.want_links(session, [SOURCE])
        stored_checks.record_results(session, {SOURCE: ProbeResult(LinkVerdict.BROKEN, 404)}, [SOURCE])
    shown = preflight_of(editor, draft)
    blocking = ['class="pill bad"' in each for each in shown]
    assert blocking == sorted(blocking, reverse=True)
    assert any(blocking)

    def of(words: str) -> str:
        return next(each for each in shown if words in each)

    assert 'href="#intro"' in of("/nowhere, and we have no such page")
    assert 'href="#subject"' in of("The subject has 61 characters")
    assert f'value="drop/{slugs[2]}"' in of("below the 75 of the digest")
    broken = of("“B” links to https://sources.example/story, which is broken: it answers 404")
    for remedy in (
        f'href="/desk/articles/stories/{slugs[1]}"',
        f'value="drop/{slugs[1]}"',
        f'value="check/{slugs[1]}"',
    ):
        assert remedy in broken
    page = editor.get(path(draft)).text
    check_page(page)
    assert "This story links to https://sources.example/story, which is broken" in text_of(page), (
        "no title beside its story"
    )
    assert "checks found nothing: nothing from elsewhere, no redirect" in text_of(page)
    assert 'id="preflight"' in page
    timed = editor.get(f"/desk/digests/{draft}/schedule").text
    check_page(timed)
    assert f'href="/desk/digests/{draft}/compose#intro"' in timed
    assert "after 4 findings are mended" in text_of(timed)


def test_links_that_a_move_brings_are_asked_by_a_job(editor: DeskClient, db: Database, slugs: list[str]) -> None:
    number = add_digest(db)
    with db.transaction() as session:
        assert not stored_checks.links_wait(session)
    move(editor, number, "texts", subject="A", preheader="", intro="[one](https://elsewhere.example/)")
    assert "2 links to other sites are being checked." in text_of(editor.get(path(number)).text)
    with db.transaction() as session:
        found = stored_checks.claim_links(session, 10)
        stored_checks.record_results(session, dict.fromkeys(found, ProbeResult(LinkVerdict.WORKS, 200)), found)
    assert "2 links to other sites were checked." in text_of(editor.get(path(number)).text)
    move(editor, number, "texts", subject="B", preheader="", intro="[one](https://elsewhere.example/)")
    with db.reading() as session:
        assert not stored_checks.links_wait(session), "once is enough"
    version = shown_version(editor, number)
    asked = move(editor, number, "check")
    assert "The links are being checked" in editor.get(asked.location).text
    assert shown_version(editor, number) == version, "asking changes no digest"
    with db.reading() as session:
        assert stored_checks.links_wait(session)


def test_a_section_that_nobody_takes_is_said_once_readers_are_counted(
    editor: DeskClient, db: Database, draft: int
) -> None:
    add_readers(db, 2, sections=["Safety"])
    words = "which no reader of this cadence takes"
    assert words not in editor.get(path(draft)).text
    assert words in editor.get(path(draft, count="editions")).text
    with clock.set_to(clock.now() + timedelta(minutes=2)):
        add_readers(db, 1, start=3)
        assert words not in editor.get(path(draft, count="editions")).text


def test_the_spam_score_is_asked_beside_the_page(
    editor: DeskClient, db: Database, draft: int, slugs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def score(mail: bytes) -> SpamScore:
        asked.append(mail)
        return SpamScore(0.3 if len(asked) == 1 else 4.5, 5.0, ("GAPPY_SUBJECT",))

    monkeypatch.setattr(cached_spam_scores, "can_score", lambda: False)
    monkeypatch.setattr(cached_spam_scores, "spam_score", score)
    assert "SpamAssassin" not in editor.get(path(draft, count="spam")).text, "a machine without it says nothing"
    monkeypatch.setattr(cached_spam_scores, "can_score", lambda: True)
    assert 'data-count="spam"' in editor.get(path(draft)).text
    assert asked == []
    page = text_of(editor.get(path(draft, count="spam")).text)
    assert "SpamAssassin gives 0.3 points of the 5.0 that are spam." in page
    assert "Ask SpamAssassin" not in page
    editor.get(path(draft, count="spam"))
    assert len(asked) == 1
    move(editor, draft, f"drop/{slugs[0]}")
    assert "SpamAssassin gives" not in editor.get(path(draft)).text
    assert "SpamAssassin gives it 4.5 points" in text_of(editor.get(path(draft, count="spam")).text)
    assert "GAPPY_SUBJECT" in editor.get(f"/desk/digests/{draft}/schedule").text


# ---- The head of the page


def test_a_scheduled_digest_is_a_draft_again_by_one_press(
    editor: DeskClient, author: DeskClient, db: Database, settings: Settings, draft: int
) -> None:
    assert "Choose a time" in editor.get(path(draft)).text
    with db.transaction() as session:
        scheduling.schedule_digest(session, settings, draft, clock.now() + timedelta(hours=1), by=OPERATOR)
    page = editor.get(path(draft)).text
    check_page(page)
    assert "Nothing can be changed until it is a draft again" in page
    assert "Change the time" in page
    assert "Make it a draft again" not in author.get(path(draft)).text
    answer = editor.post(f"/desk/digests/{draft}/unschedule", {"to": "compose"})
    assert answer.location == path(draft)
    assert "Choose a time" in editor.get(path(draft)).text


def test_it_says_when_it_was_saved(editor: DeskClient, draft: int, slugs: list[str]) -> None:
    assert re.search(r"Made today, \d\d:\d\d", editor.get(path(draft)).text)
    with clock.set_to(clock.now()):
        move(editor, draft, f"drop/{slugs[0]}")
        assert f"Saved today, {clock.now():%H:%M}" in editor.get(path(draft)).text


def test_a_test_is_of_the_edition_in_the_preview(editor: DeskClient, db: Database, draft: int) -> None:
    add_readers(db, 2, min_trust=85)
    page = editor.get(path(draft, count="editions", edition=1, part="text")).text
    found = re.search(r'href="([^"]+)" id="test"', page)
    assert found is not None
    form = editor.get(unescape(found[1])).text
    check_page(form)
    assert 'name="min_trust" class="fit" size="3" inputmode="numeric" value="85"' in form
    assert '<option value="text" selected>Text alone</option>' in form
    chosen = editor.get(f"/desk/digests/{draft}/test?edition=chosen&section=Policy&trust=70&in=de").text
    assert 'value="Policy" checked' in chosen
    assert 'value="70"' in chosen
    assert '<option value="de" selected>' in chosen
    for nonsense in ("edition=\u00b2", "edition=999", "edition=chosen&trust=x", "in=xx"):
        assert editor.get(f"/desk/digests/{draft}/test?{nonsense}").status_code == 200
    assert editor.get(f"/desk/digests/{draft}/test?edition=chosen&hype=nothing").status_code in (200, 422)


def test_without_candidates_the_newest_stories_are_offered(editor: DeskClient, db: Database, slugs: list[str]) -> None:
    with db.transaction() as session:
        number = drafting.start_draft(session, Cadence.DAILY).id
    page = editor.get(path(number)).text
    assert "No story since then. The newest:" in page
    assert re.findall(r'value="add/([^"]+)"', page) == list(reversed(slugs))


def test_an_edition_is_named_by_the_widest_of_its_choices(editor: DeskClient, db: Database, draft: int) -> None:
    for start, trust in ((1, 85), (2, 88)):
        add_readers(db, 1, start=start, min_trust=trust)
    assert ">Trust 85 and more</a>" in editor.get(path(draft, count="editions")).text
    add_readers(db, 1, start=3)
    with clock.set_to(clock.now() + timedelta(minutes=2)):
        page = text_of(editor.get(path(draft, count="editions")).text)
    assert "2 editions, in 1 language, in 1 format" in page


def test_a_letter_without_readers_says_so(editor: DeskClient, draft: int) -> None:
    assert "Nobody: this letter has no reader yet." in editor.get(path(draft, count="editions")).text
