"""Bringing in saved pages at the desk: what was read is shown line by line, and nothing is stored before the button."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.articles.drafts.models import ArticleDraft
from newsletter.core.db import Database
from tests.factories import REAL_ARTICLE
from tests.functional.test_desk_articles import STORY, actions, drafts, newest, save
from tests.invariants.test_pages import check_page
from tests.services.desk import DeskClient

REAL = REAL_ARTICLE.read_text("utf-8")
PATH = "/desk/articles/bring-in"
TITLE = "Musk testifies xAI used model distillation with OpenAI technology in courtroom proceedings"


def read_lines(page: str) -> list[tuple[str, str]]:
    """What each line was taken for, and the line."""
    found = re.findall(r'<span class="as">([^<]*)</span><span[^>]*>([^<]*)', page)
    return [(use, text.strip()) for use, text in found]


def form_of(page: str) -> dict[str, Any]:
    """The form that makes drafts, as a browser sends it back."""
    texts = re.findall(r'<textarea name="text"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    names = re.findall(r'name="name" value="([^"]*)"', page)
    boxes = re.findall(r'name="(take-[0-9]+)"', page)
    key = re.findall(r'name="key" value="([^"]+)"', page)
    return {"text": [unescape(text) for text in texts], "name": names, "key": key[0], **dict.fromkeys(boxes, "on")}


def test_the_real_page_is_read_line_by_line(author: DeskClient, db: Database) -> None:
    answer = author.post(PATH, {"pasted": REAL})
    check_page(answer.text)
    lines = read_lines(answer.text)
    assert lines[0] == ("left out", "Skip to content")
    assert lines[1][0] == "section, date"
    assert lines[2] == ("headline", TITLE)
    uses = [use for use, _ in lines]
    for use, count in {"dek": 1, "trust": 1, "hype": 1, "number of sources": 1, "TL;DR": 4, "source": 1}.items():
        assert uses.count(use) == count, use
    assert "not understood" not in uses
    assert "not read" not in uses
    assert "1 source has no address in the text." in answer.text
    left_out = uses.count("left out")
    assert f"{len(uses)} lines: {len(uses) - left_out} read, {left_out} left out on purpose, 0 not understood" in (
        " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())
    )
    assert drafts(db) == [], "nothing is stored before the button"
    made = author.post(f"{PATH}/drafts", {**form_of(answer.text), "address-0-1": "https://theverge.example/1"})
    assert made.headers["Location"] == "/desk/articles/drafts/1?done=brought"
    draft = drafts(db)[0]
    assert (draft.title, draft.is_page, draft.content.trust) == (TITLE, True, "69")
    assert draft.content.sources[0].url == "https://theverge.example/1"
    assert actions(db) == ["articles.page_brought_in"]
    again = author.post(f"{PATH}/drafts", form_of(answer.text))
    assert again.headers["Location"] == "/desk/articles/drafts/1?done=brought", "pressed twice, made once"


def test_a_page_that_was_brought_in_was_published_on_its_day(editor: DeskClient, db: Database) -> None:
    page = editor.post(PATH, {"pasted": REAL}).text
    editor.post(f"{PATH}/drafts", form_of(page))
    content = drafts(db)[0].content
    story = {**STORY, "title": content.title, "date": content.date, "version": 1, "key": "k"}
    slug = re.findall(r"stories/([^?]+)", editor.post("/desk/articles/drafts/1/publish", story).headers["Location"])[0]
    assert f"{newest(db, slug).published_at:%Y-%m-%d}" == content.date


STRANGE = [
    ("HypeSome hype", "Listen to this story · 3 min\nHypeSome hype", "Listen to this story · 3 min"),
    ("Also on ", "Read more about xAI\nAlso on ", "Read more about xAI"),
    ("Policy · May", "Menu\nPolicy · May", "Menu"),
]


@pytest.mark.parametrize(("before", "after", "line"), STRANGE)
def test_a_line_that_is_not_understood_is_marked_and_left_out(
    author: DeskClient, db: Database, before: str, after: str, line: str
) -> None:
    page = author.post(PATH, {"pasted": REAL.replace(before, after, 1)}).text
    assert ("not understood", line) in read_lines(page)
    assert "1 line was not understood, and is left out." in page
    assert author.post(f"{PATH}/drafts", form_of(page)).status_code == 303
    assert line not in str(drafts(db)[0].fields)


def test_what_is_no_article_makes_no_draft(author: DeskClient, db: Database) -> None:
    for text in ("Hello", "Policy · May 2, 2026\nA title", REAL.partition("Sources")[0], "\x00"):
        page = author.post(PATH, {"pasted": text})
        check_page(page.text)
        assert "This is no article page" in page.text or page.status_code == 422
        assert "Make a draft" not in page.text
    binary = author.post(PATH, {"files": (BytesIO(b"\xff\xd8\xff\x00"), "photo.jpg")})
    assert "This is no article page" in binary.text
    for nothing in ({}, {"pasted": " \n "}):
        assert "Choose a file, or paste a page below." in author.post(PATH, nothing).text
    many = "Skip to content\nx\n" * 21
    answer = author.post(PATH, {"pasted": many})
    assert "too many pages at once" in answer.text
    assert f"{many}</textarea>" in answer.text, "what was pasted stays in its field"
    assert author.post(f"{PATH}/drafts", {"text": "Hello", "name": "", "take-0": "on"}).status_code == 200
    assert drafts(db) == []


def test_several_pages_at_once(author: DeskClient, db: Database) -> None:
    second = REAL.replace(TITLE, "Second story")
    files = [
        (BytesIO(text.encode()), name) for name, text in {"a.txt": REAL.replace(TITLE, "Third"), "b.txt": "no"}.items()
    ]
    page = author.post(PATH, {"pasted": f"{REAL}\n{second}", "files": files}).text
    check_page(page)
    form = form_of(page)
    assert [name for name in form if name.startswith("take-")] == ["take-0", "take-1", "take-2"]
    del form["take-1"]
    assert author.post(f"{PATH}/drafts", form).headers["Location"] == "/desk/articles?state=draft"
    assert [draft.title for draft in drafts(db)] == [TITLE, "Third"]


def test_a_known_story_becomes_the_draft_of_a_revision(editor: DeskClient, db: Database) -> None:
    first = editor.post(PATH, {"pasted": REAL}).text
    editor.post(f"{PATH}/drafts", {**form_of(first), "address-0-1": "https://theverge.example/1"})
    content = drafts(db)[0].content
    published = {
        **STORY,
        **{
            name: getattr(content, name)
            for name in ("title", "dek", "section", "date", "hype", "markup", "body", "trust")
        },
        "point": list(content.points),
        **{f"source_{name}": [getattr(content.sources[0], name)] for name in ("publisher", "title", "url", "raw")},
    }
    assert editor.post("/desk/articles/drafts/1/publish", {**published, "version": 1, "key": "k"}).status_code == 303
    same = editor.post(PATH, {"pasted": REAL}).text
    assert "as revision 1, and nothing differs" in same
    assert "Make" not in same.partition("<form")[2].partition("Another file")[0].partition("pagehead")[2]
    changed = editor.post(PATH, {"pasted": REAL.replace("sworn testimony", "testimony")}).text
    check_page(changed)
    assert "This story is here, as revision 1." in changed
    assert "Make it a draft of revision 2" in changed
    editor.post(f"{PATH}/drafts", form_of(changed))
    with db.reading() as session:
        draft = session.scalars(select(ArticleDraft)).one()
        assert (draft.base_number, draft.article_id) == (1, 1)
        assert draft.content.sources[0].url == "https://theverge.example/1", "addresses that were given are not lost"
    busy = editor.post(PATH, {"pasted": REAL.replace("sworn testimony", "words")}).text
    assert "has <a href" in busy
    assert "Make it a draft" not in busy
    assert save(editor, "/desk/articles/drafts/2", STORY, key="k", version=1).status_code == 200


def test_hostile_pages_break_nothing(author: DeskClient, db: Database) -> None:
    hostile = REAL.replace(TITLE, "<script>alert(1)</script> {{ 7*7 }} </textarea>").replace("In sworn", "W" * 10_000)
    page = author.post(PATH, {"pasted": hostile}).text
    check_page(page)
    assert "<script>alert" not in page
    author.post(f"{PATH}/drafts", form_of(page))
    assert drafts(db)[0].title == "<script>alert(1)</script> {{ 7*7 }} </textarea>"
    assert author.post(PATH, {"pasted": "x" * 1_100_000}).status_code == 413
