"""The desk's list of stories, their editor, and publishing, without a script."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from werkzeug.datastructures import MultiDict

from newsletter.articles.changes import Change
from newsletter.articles.drafts.models import ArticleDraft
from newsletter.articles.models import Article, Revision, RevisionKind
from newsletter.articles.revising import revise
from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.queue import Queues
from newsletter.digests.links.models import LinkCheck
from newsletter.digests.models import Digest, DigestArticle
from newsletter.staff.models import AuditEntry
from newsletter.staff.rights import Role
from newsletter.web.desk.articles import reader_limits
from newsletter.web.desk.value_cache import ValueCache
from tests import factories
from tests.invariants.test_pages import check_page
from tests.services import desk
from tests.services.desk import DeskClient

STORY = {
    "title": "A headline",
    "dek": "What it is about.",
    "section": "Policy",
    "date": "2026-05-02",
    "hype": "Some hype",
    "language": "en",
    "markup": "markdown",
    "trust": "69",
    "point": ["One point.", "Another point."],
    "body": "First *words*.\r\n\r\nA second paragraph.",
    "source_publisher": ["The Verge"],
    "source_title": ["A source"],
    "source_url": ["https://sources.example/1"],
    "source_raw": [""],
    "kind": "small",
}
JSON = {"Accept": "application/json"}


def drafts(db: Database) -> list[ArticleDraft]:
    with db.reading() as session:
        return list(session.scalars(select(ArticleDraft).order_by(ArticleDraft.id)))


def newest(db: Database, slug: str) -> Revision:
    with db.reading() as session:
        query = select(Revision).join(Article).where(Article.slug == slug, Revision.is_current)
        return session.scalars(query).one()


def actions(db: Database) -> list[str]:
    with db.reading() as session:
        found = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))
        return [action for action in found if action.startswith("articles.")]


def entered(page: str) -> dict[str, Any]:
    """The fields of the editor's form, as a browser would send them back."""
    form = page.partition('id="story"')[2].partition("</form>")[0]
    found: MultiDict[str, str] = MultiDict()
    for name, value in re.findall(r'<input [^>]*?name="([^"]+)"[^>]*?value="([^"]*)"', form):
        if 'type="radio"' not in name:
            found.add(name, value)
    for name, value in re.findall(r'<textarea [^>]*?name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL):
        found.add(name, value)
    for name, value in re.findall(
        r'<select [^>]*?name="([^"]+)".*?<option(?: value="[^"]*")? selected>([^<]+)', form, re.DOTALL
    ):
        found.add(name, "text" if name == "markup" else value)
    return {name: found.getlist(name) for name in found if name not in ("form_token", "kind", "serious")}


def others(person: DeskClient, path: str, key: str) -> str:
    """What the desk says of other pages to a page that says that it is open."""
    answer: Any = person.post(f"{path}/presence", {"key": key}).json
    return str(answer["others"]).strip()


def save(person: DeskClient, path: str, story: dict[str, Any], **more: Any) -> Any:
    return person.post(path, {**story, **more}, headers=JSON)


def test_a_story_from_the_first_word_to_the_public_page(editor: DeskClient, db: Database) -> None:
    answer = editor.post("/desk/articles/new", {**STORY, "title": "A head", "key": "k1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/articles/drafts/1")
    page = editor.get("/desk/articles/drafts/1").text
    assert "<b>A new story</b>" in page
    assert "Saved today" in page
    answer = editor.post("/desk/articles/drafts/1/publish", {**STORY, "version": 1, "key": "k2", "base": 0})
    assert answer.headers["Location"] == "/desk/articles/stories/a-headline?done=published"
    revision = newest(db, "a-headline")
    assert (revision.number, revision.kind, revision.title, revision.trust) == (1, "first", "A headline", 69)
    assert revision.bullets == ["One point.", "Another point."]
    assert revision.body == "First *words*.\n\nA second paragraph."
    assert clock.now() - revision.published_at < timedelta(minutes=1)
    assert drafts(db) == []
    assert actions(db) == ["articles.published"]
    assert "<em>words</em>" in editor.get("/articles/a-headline").text
    assert "Revision 1 is public" in editor.get("/desk/articles/stories/a-headline").text


def test_the_three_kinds_of_change_and_a_withdrawal(editor: DeskClient, db: Database) -> None:
    slug = factories.add_article(db, "A story")
    path = f"/desk/articles/stories/{slug}"
    story = {**entered(editor.get(path).text), "kind": "small"}
    for number, (kind, note) in enumerate(
        [("small", ""), ("update", "It went on."), ("correction", "It was 38, not 36.")], 2
    ):
        change = {"dek": f"Dek {number}", "kind": kind, "note": note, "base": number - 1, "key": f"k{number}"}
        assert editor.post(f"{path}/publish", {**story, **change, "serious": "on"}).status_code == 303
        revision = newest(db, slug)
        assert (revision.number, revision.kind, revision.note) == (number, kind, note or None)
        assert revision.serious == (kind == "correction")
    answer = editor.post(f"{path}/publish", {**story, "dek": "5", "kind": "correction", "base": 4, "key": "k5"})
    assert answer.status_code == 422
    assert "The sentence for readers is missing." in answer.text
    assert drafts(db)[0].content.dek == "5", "what was entered is saved"
    answer = editor.post(f"{path}/withdraw", {"withdrawal": "Not true. " * 60})
    assert answer.status_code == 422
    check_page(answer.text)
    assert "Not withdrawn" in answer.text
    assert f"{'Not true. ' * 60}</textarea>" in answer.text, "the sentence stays in its field"
    assert editor.post(f"{path}/withdraw", {"withdrawal": "It was not true."}).status_code == 303
    assert newest(db, slug).is_withdrawal
    assert "Revision 5 is withdrawn" in editor.get(path).text
    again = {**story, "kind": "small", "version": 1, "base": 5, "key": "k5"}
    assert "only an update brings it back" in editor.post(f"{path}/publish", again).text
    back = {**again, "kind": "update", "note": "It was true.", "version": drafts(db)[0].version}
    assert editor.post(f"{path}/publish", back).status_code == 303
    assert newest(db, slug).kind == "update"
    assert actions(db) == [*["articles.changed"] * 3, "articles.withdrawn", "articles.changed"]


def test_a_mistake_stands_at_its_field(editor: DeskClient, db: Database) -> None:
    wrong = {
        **STORY,
        "title": " ",
        "section": "x" * 61,
        "date": "2026-02-30",
        "hype": "Mad",
        "trust": "101",
        "language": "?",
        "source_title": [""],
        "source_url": ["http://sources.example/1"],
        "source_count": "many",
        "body": "",
        "point": [""],
        "key": "k",
    }
    answer = editor.post("/desk/articles/new/publish", wrong)
    assert answer.status_code == 422
    check_page(answer.text)
    for name in ("title", "section", "date", "hype", "trust", "language", "source-1", "source_count", "body"):
        assert f'id="{name}-error"' in answer.text, name
    assert drafts(db)[0].content.section == "x" * 61
    places = re.findall(r'<li><a href="#([^"]+)">([^:]+): ', answer.text)
    assert places[0] == ("title", "Headline")
    assert ("source-1", "Sources") in places
    assert [name for name, _ in places][-1] == "trust", "in the order of the page"
    no_source = editor.post(
        "/desk/articles/new/publish",
        {**STORY, "source_title": [""], "source_url": [""], "source_publisher": [""], "key": "l"},
    )
    assert "No source is listed." in no_source.text


def test_rows_are_added_moved_and_taken_out_by_buttons(editor: DeskClient, db: Database) -> None:
    story: dict[str, Any] = {**STORY, "point": ["a", "b", "c"], "key": "k"}

    def points(do: str, number: int) -> list[str]:
        answer = editor.post(
            "/desk/articles/new" if number == 0 else "/desk/articles/drafts/1", {**story, "do": do, "version": number}
        )
        assert answer.status_code == 303
        story["point"] = list(drafts(db)[0].content.points)
        return [*story["point"], answer.headers["Location"].partition("#")[2]]

    assert points("up-point-3", 0) == ["a", "c", "b", "point-2"]
    assert points("down-point-1", 1) == ["c", "a", "b", "point-2"]
    assert points("out-point-2", 2) == ["c", "b", "point-2"]
    assert points("add-point", 3) == ["c", "b", "", "point-3"]
    assert points("up-point-1", 4) == ["c", "b", "", "point-1"]
    assert points("out-point-99", 5) == ["c", "b", "", "point-1"]
    editor.post("/desk/articles/drafts/1", {**story, "do": "add-source", "version": 9, "key": "k"})
    assert len(drafts(db)[0].content.sources) == 2


def test_a_save_on_an_older_version_is_refused_with_both_texts(
    app: Flask, db: Database, settings: Settings, editor: DeskClient
) -> None:
    other = desk.sign_in(
        app, db, settings, desk.add_person(db, Role.EDITOR, name="Tomás Ferreira", email="t@dispatch.example")
    )
    assert save(editor, "/desk/articles/new", STORY, key="mine").json["version"] == 1
    path = "/desk/articles/drafts/1"
    theirs = save(other, path, STORY, dek="Theirs", body="Their <b>text</b>", key="theirs", version=1)
    assert (theirs.json["state"], theirs.json["version"]) == ("saved", 2)
    mine = {**STORY, "dek": "Mine", "title": "My title", "key": "mine", "version": 1}
    refused = save(editor, path, mine)
    assert (refused.status_code, refused.json["state"]) == (409, "changed")
    assert refused.json["by"]["name"] == "Tomás Ferreira"
    page = editor.post(path, mine)
    assert page.status_code == 409
    check_page(page.text)
    for text in ("Theirs", "Mine", "My title", "Their &lt;b&gt;text&lt;/b&gt;", "Tomás Ferreira saved this story"):
        assert text in page.text
    assert drafts(db)[0].content.dek == "Theirs", "nothing was overwritten"
    chosen = {**mine, "version": 2, "choose-dek": "theirs", "choose-title": "mine", "choose-body": "theirs"}
    assert editor.post(path, chosen).status_code == 303
    content = drafts(db)[0].content
    assert (content.dek, content.title, content.body) == ("Theirs", "My title", "Their <b>text</b>")


def test_an_answer_that_was_lost_costs_no_word(editor: DeskClient, db: Database) -> None:
    first = save(editor, "/desk/articles/new", STORY, key="k").json
    assert save(editor, "/desk/articles/new", STORY, key="k").json["path"] == first["path"], "begun once"
    assert save(editor, "/desk/articles/new", STORY, key="k", dek="More").json["version"] == 2
    assert save(editor, first["path"], STORY, key="k", dek="More again", version=1).json["version"] == 3
    assert len(drafts(db)) == 1
    slug = factories.add_article(db, "A story")
    path = f"/desk/articles/stories/{slug}"
    assert save(editor, path, STORY, key="one").json["path"] == "/desk/articles/drafts/2"
    assert save(editor, path, STORY, key="two", dek="Other").status_code == 409, "two pages began the same change"
    assert "you are writing revision 2" in editor.get(path).text


def test_a_change_meanwhile_is_seen_before_publishing(editor: DeskClient, db: Database) -> None:
    slug = factories.add_article(db, "A story")
    path = f"/desk/articles/stories/{slug}"
    story = {**entered(editor.get(path).text), "dek": "New dek", "kind": "small", "key": "k"}
    save(editor, path, story)
    with db.transaction() as session:
        revise(session, slug, {"title": "Another title"})
    answer = editor.post("/desk/articles/drafts/1/publish", {**story, "version": 1, "base": 1})
    assert answer.status_code == 422
    assert "The story was changed meanwhile." in answer.text
    page = editor.get("/desk/articles/drafts/1").text
    assert "begun from revision 1, and revision 2 is public by now" in page
    assert editor.post("/desk/articles/drafts/1/publish", {**story, "version": 1, "base": 2}).status_code == 303
    assert newest(db, slug).number == 3


def test_authors_write_and_editors_publish(
    app: Flask, db: Database, settings: Settings, author: DeskClient, editor: DeskClient
) -> None:
    path = save(author, "/desk/articles/new", STORY, key="k").json["path"]
    page = author.get(path).text
    assert "An editor publishes it" in page
    assert 'id="publish"' not in page
    assert author.post(f"{path}/publish", {**STORY, "version": 1}).status_code == 403
    other = desk.sign_in(app, db, settings, desk.add_person(db, Role.AUTHOR, name="Other", email="o@dispatch.example"))
    assert "Authors change the drafts that they began" in other.get(path).text
    assert save(other, path, STORY, key="o", dek="x", version=1).status_code == 403
    assert save(other, "/desk/articles/new", STORY, key="k", dek="x").status_code == 409, (
        "not with its form's key either"
    )
    assert other.post(f"{path}/discard", {"version": 1}).status_code == 403
    assert drafts(db)[0].version == 1
    assert save(editor, path, STORY, key="e", dek="x", version=1).status_code == 200
    assert author.post(f"{path}/discard", {"version": 1, **STORY}).status_code == 409, "not what the author saw"
    assert author.post(f"{path}/discard", {"version": 2, **STORY}).status_code == 303
    assert drafts(db) == []
    assert actions(db) == ["articles.draft_discarded"]
    path = save(author, f"/desk/articles/stories/{factories.add_article(db, 'A story')}", STORY, key="s").json["path"]
    assert "you are writing" in author.get(path).text
    assert "you are writing" not in other.get(path).text, "only looking at it"


def test_trust_is_the_sum_of_its_parts_and_says_whom_it_misses(
    editor: DeskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_limits, "_limits", ValueCache(600.0))
    factories.add_readers(db, 3, min_trust=70)
    factories.add_readers(db, 5, start=10)
    points = {
        "part-sources": "14",
        "part-documents": "18",
        "part-people": "12",
        "part-checks": "6",
        "part-interests": "8",
    }
    answer = save(editor, "/desk/articles/new", {**STORY, **points}, key="k")
    assert "<b>58</b>" in answer.json["trust"]
    assert "3 of 8 readers have set a lowest trust above 58" in answer.json["trust"]
    lacking = save(editor, "/desk/articles/drafts/1", {**STORY, **points, "part-people": ""}, key="k", version=1)
    assert "The score is the sum" in lacking.json["trust"]
    editor.post("/desk/articles/drafts/1/publish", {**STORY, **points, "version": 2, "key": "k"})
    revision = newest(db, "a-headline")
    assert revision.trust == 58
    assert revision.trust_parts is not None
    assert revision.rubric_id is not None


def test_the_preview_is_the_public_page_in_a_sandbox(editor: DeskClient, db: Database) -> None:
    slug = factories.add_article(db, "A story")
    path = f"/desk/articles/stories/{slug}"
    story = {
        **entered(editor.get(path).text),
        "kind": "correction",
        "note": "It was 38.",
        "title": "<b>New</b> {{ 7*7 }}",
    }
    saved = save(editor, path, story, key="k").json
    assert " places</summary>" in saved["changed"]
    answer = editor.get(saved["preview"])
    check_page(answer.text)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert policy.endswith("sandbox")
    assert "X-Frame-Options" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert "&lt;b&gt;New&lt;/b&gt; {{ 7*7 }}" in answer.text
    assert "It was 38." in answer.text
    written = editor.get(f"{saved['preview']}?block=2").text
    check_page(written)
    assert written.count('<span id="here"></span><p') == 1
    assert written.index('id="here"') > written.index('class="story"')
    assert editor.get("/desk/articles").headers["X-Frame-Options"] == "DENY"
    style = re.search(r'href="([^"]+base\.css)"', answer.text)
    assert style is not None
    assert editor.get(style[1]).headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def facts_of(person: DeskClient, path: str, **story: Any) -> str:
    """The judgements in the preview of a draft, once it is saved like this."""
    saved = save(person, path, {**STORY, **story}, key="k").json
    page = person.get(saved["preview"]).text
    check_page(page)
    return page.partition('class="facts"')[2].partition("cross-referenced")[0]


def test_what_nobody_has_judged_is_shown_as_that(editor: DeskClient) -> None:
    """A new draft has neither score nor label, which is not the lowest of either."""
    draft = "/desk/articles/drafts/1"
    facts = facts_of(editor, "/desk/articles/new", trust="", hype="")
    assert facts.count("not judged yet") == 2
    assert "No hype" not in facts
    assert 'class="score"' not in facts
    facts = facts_of(editor, draft, trust="", hype="Some hype", version=1, **{"part-sources": "14"})
    assert facts.count("not judged yet") == 1, "some of the parts are no score"
    assert "<b>Some hype</b>" in facts
    facts = facts_of(editor, draft, trust="0", hype="No hype", version=2)
    assert "not judged yet" not in facts
    assert "Trust <b>0</b>" in facts
    assert "<b>No hype</b>" in facts


def test_a_judgement_that_is_taken_away_is_no_change_to_the_lowest(editor: DeskClient, db: Database) -> None:
    path = f"/desk/articles/stories/{factories.add_article(db, 'A story', trust=38)}"
    changed = save(editor, path, {**STORY, "trust": "", "hype": ""}, key="k").json["changed"]
    assert values_changed(changed, "Trust") == ["38", "nothing"]
    assert values_changed(changed, "Hype") == ["Some hype", "nothing"]


def values_changed(page: str, part: str) -> list[str]:
    """The old value of a part and the new one."""
    about = page.partition(f'class="where">{part}</p>')[2].partition("</p>")[0]
    return [value.strip() for value in re.findall(r"</span>([^<]+)<span", about)]


def test_who_has_it_open_is_shown(
    app: Flask, db: Database, settings: Settings, editor: DeskClient, author: DeskClient, queues: Queues
) -> None:
    vars(app.extensions["newsletter"])["queues"] = queues
    path = save(author, "/desk/articles/new", STORY, key="a").json["path"]
    assert others(editor, path, "e") == ""
    assert "Editor Example has this open too, since today" in author.get(path).text
    assert others(author, path, "a").startswith("Editor Example has this open too")
    assert "Author Example has this open too" in others(editor, path, "e")
    assert "You have this open in another tab" in others(editor, path, "e2")
    assert "open in another tab" not in editor.get(path).text, "it may be the page that was left for this one"
    editor.post(f"{path}/presence", {"key": "e2", "closed": "yes"})
    assert "in another tab" not in others(editor, path, "e")
    with clock.set_to(clock.now() + timedelta(minutes=2)):
        assert others(editor, path, "e") == ""


def test_a_page_that_is_left_by_publishing_is_open_no_more(
    app: Flask, db: Database, settings: Settings, editor: DeskClient, author: DeskClient, queues: Queues
) -> None:
    vars(app.extensions["newsletter"])["queues"] = queues
    path = f"/desk/articles/stories/{factories.add_article(db, 'A story')}"
    saved = save(editor, path, STORY, key="k", base=1).json
    editor.post(saved["presence"], {"key": "k"})
    assert "Editor Example" in others(author, path, "a")
    published = editor.post(saved["publish"], {**STORY, "key": "k", "version": saved["version"], "base": 1})
    assert published.status_code == 303
    assert editor.post(saved["presence"], {"key": "k", "closed": "yes"}).status_code == 200
    assert others(author, path, "a") == ""


LIST = [
    ("", ["Old", "Used", "Corrected", "Trusted"]),
    ("?section=Research", ["Trusted"]),
    ("?trust=80", ["Trusted"]),
    ("?hype=No+hype", ["Trusted"]),
    ("?q=trusted", ["Trusted"]),
    ("?q=trusted&section=Policy", []),
    ("?used=yes", ["Used"]),
    ("?used=no", ["Old", "Corrected", "Trusted"]),
    ("?state=corrected", ["Corrected"]),
    ("?state=draft", ["Old"]),
    ("?state=withdrawn", []),
    ("?since=2026-05-03", []),
    ("?since=nonsense&trust=x&used=x&state=x&section=Nowhere&before=x", ["Old", "Used", "Corrected", "Trusted"]),
]


def test_the_list_finds_stories_by_each_filter(editor: DeskClient, db: Database) -> None:
    old, _, wrong = (factories.add_article(db, title) for title in ("Old", "Used", "Corrected"))
    factories.add_article(db, "Trusted", section="Research", trust=90, hype="No hype")

    with db.transaction() as session:
        revise(session, wrong, {"dek": "Right"}, Change(RevisionKind.CORRECTION, "It was wrong."))
        used = session.scalars(select(Revision).where(Revision.title == "Used")).one()
        digest = Digest(cadence=Cadence.WEEKLY, subject="s", items=[DigestArticle(position=0, revision=used)])
        session.add(digest)
    save(editor, f"/desk/articles/stories/{old}", STORY, key="k", title="A draft of Old")
    for query, titles in LIST:
        page = editor.get(f"/desk/articles{query}").text
        check_page(page)
        table = page.partition("Stories, newest first")[2]
        found = re.findall(r'href="/desk/articles/stories/[^"]+"[^>]*>([^<]+)</a>', table)
        assert sorted(found) == sorted(titles), query
    assert "Corrected" in editor.get("/desk/articles?state=corrected").text
    assert "Weekly draft" in editor.get("/desk/articles?used=yes").text
    assert "A draft of Old" in editor.get("/desk/articles?state=draft").text
    nothing = editor.get("/desk/articles?q=trusted&section=Policy").text
    assert "No story fits these filters." in nothing
    assert '<a href="/desk/articles?q=trusted">Search for “trusted” in all sections and years</a> (1 story)' in nothing


def test_the_list_is_cut_into_pages_and_says_how_to_fill_it(
    editor: DeskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No story yet." in editor.get("/desk/articles").text
    monkeypatch.setattr("newsletter.web.desk.articles.story_list.PAGE_SIZE", 2)
    for number in range(3):
        factories.add_article(db, f"Story {number}")
    page = editor.get("/desk/articles?section=Policy").text
    assert "Story 2" in page
    assert "Story 1" in page
    assert "Story 0" not in page
    older = re.search(r'href="([^"]+)" rel="next"', page)
    assert older is not None
    assert "section=Policy" in older[1]
    assert "Story 0" in editor.get(older[1].replace("&amp;", "&")).text


def test_a_story_is_added_to_the_newest_draft_from_the_list(
    editor: DeskClient, author: DeskClient, db: Database
) -> None:
    slugs = [factories.add_article(db, title) for title in ("First", "Second")]
    page = editor.get("/desk/articles?q=first").text
    assert "Add to weekly" in page
    assert "Add to weekly" not in author.get("/desk/articles").text
    form = {"digest": 0, "back": "/desk/articles?q=first", "slug": slugs[0]}
    answer = editor.post("/desk/articles/add", form)
    assert answer.headers["Location"] == "/desk/articles?q=first&done=added#story-first"
    page = editor.get(answer.headers["Location"]).text
    check_page(page)
    assert 'id="story-first"' in page
    assert '<a href="/desk/digests/1/compose">Open it</a>' in page
    assert '<a href="/desk/digests/1/compose">In the weekly draft</a>' in page
    back = {"digest": 1, "back": "https://evil.example", "slug": slugs[1]}
    assert editor.post("/desk/articles/add", back).headers["Location"].startswith("/desk?")
    assert editor.post("/desk/articles/add", back).status_code == 409, "it is there already"
    with db.reading() as session:
        digest = session.scalars(select(Digest)).one()
        assert [item.revision.title for item in digest.items] == ["First", "Second"]
        assert list(session.scalars(select(AuditEntry.action))).count("digests.started") == 1
        assert list(session.scalars(select(LinkCheck.url))) == ["https://sources.example/story"], "it is to be probed"


def test_few_queries_however_many_stories(editor: DeskClient, db: Database) -> None:
    slug = factories.add_article(db, "Story 0")
    save(editor, f"/desk/articles/stories/{slug}", STORY, key="k")
    paths: tuple[str, ...] = (
        "/desk/articles",
        "/desk/articles?q=story&trust=1",
        "/desk/articles/new",
        "/desk/articles/drafts/1",
    )
    paths += ("/desk/articles/drafts/1/preview", "/desk/articles/bring-in")
    before = {path: count_queries(editor, db, path) for path in paths}
    for number in range(1, 12):
        factories.add_article(db, f"Story {number}", section=f"Section {number}")
    after = {path: count_queries(editor, db, path) for path in paths}
    assert max(after.values()) <= 15, after
    assert after == before


def count_queries(person: DeskClient, db: Database, path: str) -> int:
    statements: list[str] = []

    def count(*args: Any) -> None:
        statements.append(args[2])

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        assert person.get(path).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", count)
    return sum(statement.lstrip().startswith(("SELECT", "WITH")) for statement in statements)


HOSTILE = [
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "{{ 1234*5678 }} {% for x in y %} %(title)s {n}",
    "W" * 10_000,
    "\u202eright to left\u2066 שלום \u200b\u200d zero\u200bwidth 🏳️‍🌈🧑🏽‍🚒",
    "\x00\x07\ud800 \u2028 ]]> --> </textarea></form>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_in_every_field_break_nothing(editor: DeskClient, db: Database, text: str) -> None:
    slug = factories.add_article(db, "A story")
    hostile = {name: [text, text] if isinstance(value, list) else text for name, value in STORY.items()}
    hostile |= {"part-sources": text, "note": text, "reported_at": text, "written_by": text, "source_count": text}
    hostile = {name: _sent(value) for name, value in hostile.items()}
    for path in ("/desk/articles/new", f"/desk/articles/stories/{slug}"):
        saved = save(editor, path, hostile, key=path)
        assert saved.status_code == 200
        for page in (saved.json["path"], saved.json["preview"], "/desk/articles", "/desk/articles?state=draft"):
            shown = editor.get(page)
            assert shown.status_code == 200
            check_page(shown.text)
            assert "<script>alert" not in shown.text
            assert "<img src=x" not in shown.text
            assert "7006652" not in shown.text
        assert editor.post(f"{saved.json['path']}/publish", {**hostile, "version": 1}).status_code in (409, 422)


def _sent(value: Any) -> Any:
    """As a form can hold it: a lone surrogate comes as bytes that are no UTF-8."""
    if isinstance(value, list):
        return [_sent(each) for each in value]
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def test_a_megabyte_is_refused_or_shown_but_breaks_nothing(editor: DeskClient, db: Database) -> None:
    assert save(editor, "/desk/articles/new", STORY, key="k", body="word " * 210_000).status_code == 413
    saved = save(editor, "/desk/articles/new", STORY, key="k", body="*word* " * 60_000)
    assert saved.status_code == 200
    assert editor.get(saved.json["preview"]).status_code == 200
    answer = editor.post(
        f"{saved.json['path']}/publish", {**STORY, "body": "*word* " * 60_000, "version": 1, "key": "k"}
    )
    assert "at most 100000 are allowed" in answer.text
    rows = save(editor, "/desk/articles/new", STORY, key="l", point=[f"p{number}" for number in range(300)])
    assert rows.status_code == 200
    assert drafts(db)[1].content.points[-1].endswith("p299"), "what is too much stands in the last row"


def test_words_of_a_draft_that_is_gone_become_a_new_one(editor: DeskClient, db: Database) -> None:
    """It was published, or discarded, by somebody else while the page was open."""
    path = save(editor, "/desk/articles/new", STORY, key="mine").json["path"]
    editor.post(f"{path}/discard", {**STORY, "version": 1, "key": "theirs"})
    mine = {**STORY, "body": "Mine </textarea><b>", "key": "mine", "version": 1}
    for do in ("", "/publish", "/discard"):
        answer = editor.post(f"{path}{do}", mine)
        assert answer.status_code == 410
        check_page(answer.text)
        assert "Mine &lt;/textarea&gt;" in answer.text
    assert save(editor, path, mine).json == {"state": "gone", "keep": "/desk/articles/new"}
    assert editor.post("/desk/articles/new", {**mine, "version": 0}).status_code == 303
    assert drafts(db)[0].content.body == mine["body"]
    slug = factories.add_article(db, "A story")
    change = save(editor, f"/desk/articles/stories/{slug}", mine, key="k", slug=slug, base=1).json["path"]
    editor.post(f"{change}/discard", {**STORY, "version": 1, "key": "theirs"})
    gone = save(editor, change, mine, key="k", slug=slug, base=1)
    assert (gone.status_code, gone.json["keep"]) == (410, f"/desk/articles/stories/{slug}")
    save(editor, f"/desk/articles/stories/{slug}", STORY, key="other")
    assert save(editor, gone.json["keep"], mine, key="k", slug=slug, version=0).status_code == 409, "not overwritten"


def test_words_written_before_a_change_are_known_to_be_older(editor: DeskClient, db: Database) -> None:
    """The page was opened, a colleague published, and only then the first word was written."""
    slug = factories.add_article(db, "A story")
    path = f"/desk/articles/stories/{slug}"
    story = {**entered(editor.get(path).text), "dek": "New dek", "kind": "small"}
    with db.transaction() as session:
        revise(session, slug, {"title": "Another title"})
    save(editor, path, story, key="k")
    assert "begun from revision 1, and revision 2 is public by now" in editor.get(path).text
    assert drafts(db)[0].base_number == 1
