"""Markdown on pages, in mails and as plain text, and what no Markdown can bring there."""

from __future__ import annotations

import re
import subprocess
import sys

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core import markdown
from newsletter.core.markdown import mail_html
from newsletter.core.templates import TEMPLATES
from tests.unit.markdown_attacks import BUSY, LENGTH, SCRIPTS

ELEMENTS = {"a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong"}
ELEMENTS |= {"ul"}
ADDRESS = re.compile(r"https?://[^/?#@]+([/?#].*)?|mailto:[^@?&]+@[^@?&]+", re.I)
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
PAGES = (markdown.block_html, markdown.line_html)
MAILS = (markdown.block_mail_html, markdown.line_mail_html)


def assert_harmless(text: str) -> None:
    """No rendering of `text` holds anything but words, a few elements, and links to the web or a mailbox."""
    for render in (*PAGES, *MAILS):
        html = str(render(text))
        assert not UNPRINTABLE.search(html)
        for element in html5lib.parseFragment(html, namespaceHTMLElements=False).iter():
            if element.tag == "DOCUMENT_FRAGMENT":
                continue
            assert element.tag in ELEMENTS, html
            attributes = dict(element.attrib)
            assert set(attributes) <= {"dir", *(("class", "style") if render in MAILS else ()), *allowed(element.tag)}
            assert attributes.get("class", "accent") in ("accent", "rule")
            assert "url(" not in attributes.get("style", "")
            if element.tag == "a":
                assert ADDRESS.fullmatch(attributes["href"]), html
                assert attributes["rel"] == "noopener noreferrer"
    for plain in (markdown.block_text(text), markdown.block_text(text, columns=72), markdown.line_text(text)):
        assert not UNPRINTABLE.search(plain)


def allowed(tag: str) -> set[str]:
    return {"a": {"href", "rel"}, "ol": {"start"}}.get(tag, set())


@pytest.mark.parametrize("text", SCRIPTS)
def test_no_script_comes_through(text: str) -> None:
    assert_harmless(text)


def test_there_are_more_than_a_hundred_attacks() -> None:
    assert len(set(SCRIPTS)) > 100


SIGNS = st.sampled_from(
    [*"[]()<>*_`#-+>!&;:\\\"'/= \n\t", "https://a.example/", "javascript:", "&#x202e;", "\u200f", "א"]
)
MARKDOWN = st.lists(st.one_of(SIGNS, st.text(max_size=5)), max_size=60).map("".join)


@given(MARKDOWN)
def test_nothing_harmful_comes_of_any_text(text: str) -> None:
    assert_harmless(text)


@given(MARKDOWN)
def test_a_text_becomes_the_same_bytes_again(text: str) -> None:
    first = [str(render.__wrapped__(text) if render in PAGES else render(text)) for render in (*PAGES, *MAILS)]
    assert first == [str(render(text)) for render in (*PAGES, *MAILS)]


def test_another_process_makes_the_same_bytes() -> None:
    """The validators of pages are made of them."""
    text = "# A\n\n[words](https://a.example/) and `code`\n\n> quote\n\n3. point"
    program = f"from newsletter.core import markdown as m; print(m.block_html({text!r}), m.block_mail_html({text!r}))"
    outputs = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in "12"}
    outputs.add(f"{markdown.block_html(text)} {markdown.block_mail_html(text)}\n".encode())
    assert len(outputs) == 1


@pytest.mark.parametrize("name", BUSY)
def test_a_text_of_100_000_characters_stays_within_bounds(name: str) -> None:
    assert len(markdown.block_html(BUSY[name])) < 20 * LENGTH


@pytest.mark.parametrize("name", ["quotes of lists", "points", "addresses", "one word", "all emphasis"])
def test_its_plain_text_does_too(name: str) -> None:
    assert len(markdown.block_text(BUSY[name], columns=72)) < 2 * LENGTH


def test_words_without_signs_stay_as_they_are() -> None:
    text = "Grüße, 日本語, 🎉, שלום, 5 < 6 & 7 > 2, AT&T, snake_case_name, 2 * 3"
    assert markdown.line_text(text) == text
    assert markdown.block_text(text) == text
    shown = html5lib.parseFragment(str(markdown.block_html(text)))
    assert "".join(shown.itertext()).strip() == text


STORY = """\
# Head

Some *emphasis*, **more**, `code`, [words](https://a.example/?x=1&y=2 "title") and <https://b.example/>.
The next line\\
and a break.

## Smaller

> A quote with <me@c.example>.

3. three
4. four
   - inner

***

    indented
"""


def test_a_story_on_a_page() -> None:
    assert markdown.block_html(STORY) == (
        '<h2 dir="auto">Head</h2>\n'
        '<p dir="auto">Some <em>emphasis</em>, <strong>more</strong>, <code>code</code>, '
        '<a href="https://a.example/?x=1&amp;y=2" rel="noopener noreferrer">words</a> and '
        '<a href="https://b.example/" rel="noopener noreferrer">https://b.example/</a>.\n'
        "The next line<br>\nand a break.</p>\n"
        '<h3 dir="auto">Smaller</h3>\n'
        '<blockquote>\n<p dir="auto">A quote with '
        '<a href="mailto:me@c.example" rel="noopener noreferrer">me@c.example</a>.</p>\n</blockquote>\n'
        '<ol start="3">\n<li dir="auto">three</li>\n'
        '<li dir="auto">four\n<ul>\n<li dir="auto">inner</li>\n</ul>\n</li>\n'
        "</ol>\n<hr>\n<pre><code>indented\n</code></pre>\n"
    )


def test_a_story_as_plain_text() -> None:
    assert markdown.block_text(STORY, columns=60) == (
        "Head\n\n"
        "Some emphasis, more, code, words\n(https://a.example/?x=1&y=2) and https://b.example/. The\nnext line\n"
        "and a break.\n\n"
        "Smaller\n\n"
        "> A quote with me@c.example.\n\n"
        "3. three\n4. four\n   - inner\n\n"
        "* * *\n\n"
        "    indented"
    )


def test_a_line_knows_no_blocks() -> None:
    assert markdown.line_html("# 1. *one*\n- two") == "# 1. <em>one</em> - two"
    assert markdown.line_text("# 1. *one*\n- [two](https://a.example/)") == "# 1. one - two (https://a.example/)"


def test_tables_footnotes_strikethrough_and_typographic_signs_are_none() -> None:
    text = '| a |\n|---|\n| b |\n\nc[^1] ~~d~~ (c) -- "e" https://a.example/\n\n[^1]: note'
    assert markdown.block_html(text) == (
        '<p dir="auto">| a |\n|---|\n| b |</p>\n'
        '<p dir="auto">c[^1] ~~d~~ (c) -- "e" https://a.example/</p>\n'
        '<p dir="auto">[^1]: note</p>\n'
    )


def test_an_image_is_a_link_by_its_words() -> None:
    link = '<a href="https://a.example/b.png" rel="noopener noreferrer">words</a>'
    assert markdown.line_html("![words](https://a.example/b.png)") == f"!{link}"
    assert markdown.line_text("![words](https://a.example/b.png)") == "!words (https://a.example/b.png)"


def test_headings_begin_at_h2_and_end_at_h6() -> None:
    text = "\n\n".join("#" * level + " a" for level in range(1, 7))
    assert re.findall(r"<(h\d)", markdown.block_html(text)) == ["h2", "h3", "h4", "h5", "h6", "h6"]


def test_the_mail_has_its_look_in_attributes_and_no_padding() -> None:
    html = markdown.block_mail_html(STORY)
    for element in html5lib.parseFragment(str(html), namespaceHTMLElements=False).iter():
        if element.tag not in ("DOCUMENT_FRAGMENT", "br", "em", "strong"):
            assert "style" in element.attrib or element.tag == "code", element.tag
        # No padding but to take away a list's own, which Word's engine does not have.
        assert "padding" not in element.attrib.get("style", "").replace("padding:0px", "")


def test_the_colours_are_those_of_the_templates() -> None:
    look = (TEMPLATES / "mail" / "look.mjml").read_text()
    assert f'accent = "{mail_html.LINK_COLOUR}"' in look
    assert f'rule = "{mail_html.RULE_COLOUR}"' in look


def test_links_that_are_too_many_are_words() -> None:
    text = "[a]: https://a.example/" + "u" * 1000 + "\n\n" + "[a] " * 1000
    html = markdown.block_html(text)
    assert 50 < html.count("<a ") < 150
    assert html.count(">a<") + html.count(" a") >= 900
