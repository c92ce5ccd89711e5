"""Markdown in mails: whatever it holds, the mail is whole, and nothing in it runs, loads or leads astray."""

from __future__ import annotations

import re

import html5lib
import pytest

from newsletter.articles.models import Markup
from newsletter.digests.rendering import render_digest
from tests.services.html_mails import findings_in
from tests.services.rendered_digests import DAY, SETTINGS, Content, revision
from tests.unit.markdown_attacks import BUSY, SCRIPTS

RISKY = re.compile(r"(?:javascript|vbscript|data|file|blob|feed|intent|view-source):", re.I)
GOOD = """# A head

Words with *emphasis*, **more**, `code & <b>`, [a link](https://a.example/?x=1&y=2) and a\\
break.

> A quote

3. three
4. four
   - inner

***

    {{ 7 * 7 }} <mj-raw> & {% raw %}
"""


def mail(intro: str, bullets: list[str]) -> tuple[str, str]:
    found = revision(markup=Markup.MARKDOWN, bullets=bullets)
    digest = render_digest(Content(intro=intro, revisions=[found]), SETTINGS, day=DAY)
    return digest.edition(digest.full_mask)


def assert_harmless(html: str) -> None:
    assert findings_in(html) == []
    for element in html5lib.parse(html, namespaceHTMLElements=False).iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in (
            "script",
            "img",
            "svg",
            "math",
            "iframe",
            "object",
            "embed",
            "form",
            "base",
            "template",
        )
        assert not [name for name in element.attrib if name.startswith("on")]
        assert not RISKY.match(element.attrib.get("href", ""))


def test_every_attack_at_once_leaves_a_whole_mail() -> None:
    html, text = mail("\n\n".join(SCRIPTS), [each.replace("\n", " ") for each in SCRIPTS])
    assert_harmless(html)
    assert html.rstrip().endswith("</html>")
    for shown in (html, text):
        assert "Unsubscribe" in shown
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", shown)


@pytest.mark.parametrize("name", ["quotes without end", "one word", "from right to left", "zero-width characters"])
def test_a_text_of_100_000_characters_leaves_a_whole_mail(name: str) -> None:
    html, text = mail(BUSY[name], [BUSY[name]])
    assert_harmless(html)
    assert "Unsubscribe" in text


def test_each_element_survives_the_compiler() -> None:
    html, text = mail(GOOD, ["*a* `b`"])
    for piece in (
        ">A head</h2>",
        "<strong>more</strong>",
        "code &amp; &lt;b&gt;</code>",
        'href="https://a.example/?x=1&amp;y=2"',
        "<blockquote style=",
        '<ol start="3" style=',
        "<hr class=",
        "{{ 7 * 7 }} &lt;mj-raw&gt; &amp; {% raw %}",
        "<em>a</em> <code style=",
    ):
        assert piece in html, piece
    assert "\n> A quote\n\n3. three\n4. four\n   - inner\n\n* * *\n\n    {{ 7 * 7 }} <mj-raw> & {% raw %}\n" in text
