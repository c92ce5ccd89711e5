"""A hostile story on its whole way: written and published at the desk, composed, previewed, tested, sent, read.

Each text stands in every field that takes it. It must break neither a page nor a mail, and be shown as it is.
"""

from __future__ import annotations

import json
import re
from email.message import EmailMessage
from html import unescape
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import html5lib
import pytest
from flask import Flask

from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.runtime import runtime
from newsletter.delivery.freezing import freeze
from newsletter.delivery.sending import draining
from tests.factories import add_readers
from tests.functional.test_desk_articles import STORY
from tests.functional.test_desk_compose import move
from tests.invariants.test_pages import check_page
from tests.services import mailbox
from tests.services.desk import DeskClient
from tests.services.mailbox import Mailbox

PRODUCT = "7006652"
"""What a template makes of the one in the texts."""
TEXTS = {
    "markup": "<script>alert(1)</script>\"'><img src=x onerror=alert(1)></textarea></title><!--",
    "template": "{{ 1234*5678 }} {% raw %} %(title)s {n} ${x} <mj-raw>",
    "long word": "W" * 900,
    "right to left": "\u202eright to left\u2066 שלום אבג 123",
    "invisible": "zero\u200bwidth\u200djoined\ufeff \u2028line",
    "emoji": "🏳️‍🌈🧑🏽‍🚒 😀😀😀",
}
SUBJECT = f"{TEXTS['template']} {TEXTS['right to left']} {TEXTS['emoji']}"
BODIES = {"long word": "W" * 10_000}
"""In the body, where there is no limit of a line."""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_they_break_neither_a_page_nor_a_mail(app: Flask, admin: DeskClient, db: Database, settings: Settings) -> None:
    stories = {name: publish(admin, name) for name in TEXTS}
    digest = compose(admin, stories)
    own = f"/desk/digests/{digest}"
    look(admin, *(path for slug, draft in stories.values() for path in (draft, *story_paths(slug))), *LISTS)
    look(admin, f"{own}/compose?count=editions", f"{own}/schedule", f"{own}/test")
    for text, (slug, _) in zip(TEXTS.values(), stories.values(), strict=True):
        look(admin, f"{own}/compose?{urlencode({'dek': slug, 'q': text})}")
    for preview in ("", "?in=de", "?edition=1"):
        check_html(admin.get(f"{own}/preview{preview}").text)
    assert admin.post(f"{own}/test", {"to": str(admin.number)}).status_code == 303
    add_readers(db, 2)
    assert admin.post(f"{own}/send").status_code == 303
    with app.app_context():
        assert freeze.freeze_digest(db, settings, digest)
        draining.drain(runtime())
    mails = Mailbox(settings).all()
    assert len(mails) == 3
    for mail in mails:
        check_mail(mail)
    look_at_outbox(admin)
    look(admin, f"{own}/sending", f"{own}/compose", "/desk", "/desk/digests", "/desk/audit-log", "/letters", "/")
    check_feeds(admin)


def publish(admin: DeskClient, name: str) -> tuple[str, str]:
    """The slug of a story that has the text in every field, in a correction too, and the path of a draft of it."""
    line, body = TEXTS[name], BODIES.get(name, TEXTS[name])
    story: dict[str, Any] = {
        **STORY,
        **dict.fromkeys(("title", "dek"), line),
        **dict.fromkeys(("written_by", "checked_by", "ai_use"), line[:60]),
        "section": " ".join("".join(filter(str.isprintable, line[:50])).split()),
        "point": [line, line],
        "body": f"{body}\r\n\r\n# {line}\r\n\r\n{body}",
        "source_publisher": [line],
        "source_title": [line],
    }
    megabyte = admin.post("/desk/articles/new", {**story, "body": line * (1_100_000 // len(line)), "key": "big"})
    assert megabyte.status_code == 413
    published = admin.post("/desk/articles/new/publish", {**story, "key": f"{name} 1", "version": 0})
    assert published.status_code == 303, errors(published.text)
    slug = published.headers["Location"].partition("?")[0].rpartition("/")[2]
    correction = {**story, "dek": f"Again {line}", "kind": "correction", "note": line[:400], "base": 1}
    corrected = admin.post(f"/desk/articles/stories/{slug}/publish", {**correction, "key": f"{name} 2"})
    assert corrected.status_code == 303, errors(corrected.text)
    begun = admin.post(f"/desk/articles/stories/{slug}", {**story, "dek": f"Draft {line}", "key": f"{name} 3"})
    return slug, begun.headers["Location"]


def errors(page: str) -> list[str]:
    return re.findall(r'class="error"[^>]*>(.*?)</p>', page)


def compose(admin: DeskClient, stories: dict[str, tuple[str, str]]) -> int:
    """The number of a digest of the stories, with such texts in its own fields, too."""
    digest = int(admin.post("/desk/digests/new", {"cadence": "weekly"}).headers["Location"].split("/")[3])
    for name, (slug, _) in stories.items():
        assert move(admin, digest, f"add/{slug}").status_code == 303
        assert move(admin, digest, "dek", slug=slug, dek=TEXTS[name]).status_code == 303
    texts = {"subject": SUBJECT, "preheader": TEXTS["markup"], "intro": "\n\n".join(TEXTS.values())}
    assert move(admin, digest, "texts", **texts).status_code == 303
    return digest


LISTS = ("/", "/articles", "/corrections", "/desk", "/desk/articles", "/desk/articles?state=draft", "/desk/digests")


def story_paths(slug: str) -> list[str]:
    """The pages of a story."""
    own = [f"/articles/{slug}{below}" for below in ("", "/revisions", "/revisions/1", "/revisions?from=1&to=2")]
    return [*own, f"/desk/articles/stories/{slug}", f"/desk/articles/stories/{slug}/preview"]


def look(admin: DeskClient, *paths: str) -> None:
    for path in paths:
        answer = admin.get(path)
        assert answer.status_code == 200, path
        check_page(answer.text)
        check_html(answer.text)


def look_at_outbox(admin: DeskClient) -> None:
    """The list, and a mail of it in all its parts."""
    look(admin, "/desk/outbox", f"/desk/outbox?{urlencode({'q': SUBJECT})}")
    mail = re.findall(r'href="(/desk/outbox/[^"/?#]+)', admin.get("/desk/outbox").text)[0]
    look(admin, *(f"{mail}?part={part}" for part in ("html", "text", "headers", "source")))
    check_html(admin.get(f"{mail}/html").text)


def check_mail(mail: EmailMessage) -> None:
    """Both parts tell every text, lines are as long as RFC 5322 lets them, and nothing of the head was lost."""
    html, plain = mailbox.html(mail), mailbox.text(mail)
    check_html(html)
    assert PRODUCT not in plain
    for text in TEXTS.values():
        assert shown(text) in shown(unescape(html))
        assert shown(text) in shown(plain)
    assert mail.defects == []
    assert max(map(len, mail.as_bytes().splitlines())) <= 998
    assert shown(SUBJECT) in shown(str(mail["Subject"]))


def check_html(page: str) -> None:
    """It parses as a page, and holds no element and no attribute that the text brought."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    for each in tree.iter():
        assert each.get("onerror") is None
        assert each.get("src") != "x"
        assert each.tag != "script" or each.get("src") or each.get("type") == "application/ld+json"
    assert PRODUCT not in page


def check_feeds(admin: DeskClient) -> None:
    """They are well-formed, and tell each headline as it is."""
    entries = ET.fromstring(admin.get("/feeds/stories.atom").data).iterfind("{*}entry")
    atom = {shown(unescape(entry.findtext("{*}title") or "")) for entry in entries}
    json_titles = {shown(item["title"]) for item in json.loads(admin.get("/feeds/stories.json").data)["items"]}
    assert atom == json_titles == {shown(text) for text in TEXTS.values()}
    assert ET.fromstring(admin.get("/feeds/stories.rss").data).tag == "rss"


def shown(text: str) -> str:
    """A text without what is invisible, and without blanks: mails are folded, and directions are ended."""
    return re.sub(r"[\s\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]", "", text)
