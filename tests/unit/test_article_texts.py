"""The texts of a revision: Markdown is rendered where the revision says so, and nowhere else."""

from __future__ import annotations

import html5lib
import pytest

from newsletter.articles import texts
from newsletter.articles.models import Markup
from tests.services.rendered_digests import HOSTILE, revision
from tests.unit.markdown_attacks import SCRIPTS

SIGNS = "**bold** _it_ `code` [a](https://a.example/) # 1. - > &amp; &#8238; <b>\\*"


@pytest.mark.parametrize("words", [SIGNS, *HOSTILE, *SCRIPTS[::9]])
def test_text_stays_text_letter_for_letter(words: str) -> None:
    words = words.replace("\x00", "").replace("\r", "").replace("\x01", "").replace("\x1b", "")  # no page holds them
    found = revision(markup=Markup.TEXT, body=f"{words}\n\nMore.", bullets=[words])
    assert texts.body_text(found) == f"{words}\n\nMore."
    assert texts.bullets_text(found) == [words]
    assert shown(texts.body_html(found)) == "".join([*words.split("\n\n"), "More."])
    assert [shown(each) for each in (*texts.bullets_html(found), *texts.bullets_mail_html(found))] == [words, words]


def shown(html: str) -> str:
    """The words that a browser shows, without what stands between paragraphs."""
    tree = html5lib.parseFragment(str(html), namespaceHTMLElements=False)
    paragraphs = ["".join(each.itertext()) for each in tree.iter("p")]
    return "".join(paragraphs or tree.itertext())


def test_markdown_is_rendered() -> None:
    found = revision(markup=Markup.MARKDOWN, body=f"# A head\n\n{SIGNS}", bullets=["*a* [b](https://b.example/)"])
    assert texts.body_html(found).startswith(
        '<h2 dir="auto">A head</h2>\n<p dir="auto"><strong>bold</strong> <em>it</em>'
    )
    assert texts.body_text(found) == "A head\n\nbold it code a (https://a.example/) # 1. - > &  <b>*"
    assert texts.bullets_html(found) == ['<em>a</em> <a href="https://b.example/" rel="noopener noreferrer">b</a>']
    assert 'class="accent"' in texts.bullets_mail_html(found)[0]
    assert texts.bullets_text(found) == ["a b (https://b.example/)"]
