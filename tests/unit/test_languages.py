"""Pages and mails in other languages: nothing is left in English but the stories, and every catalogue has all of it."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from newsletter.articles.facts_line import HYPE_NAMES
from newsletter.core.cadence import Cadence
from newsletter.core.config import HYPE_LABELS
from newsletter.core.languages import LANGUAGES, LOCALES, Language, language_of
from newsletter.core.templates import TEMPLATES
from newsletter.digests.rendering import render_digest
from newsletter.digests.segments import When
from newsletter.digests.text import CADENCE_NAMES
from newsletter.mail.encoding import encode
from newsletter.mail.message import Recipient
from newsletter.mail.transactional_rendering import PLACEHOLDER, compose_mail, render_mail
from tests.services.rendered_digests import DAY, SETTINGS, Content, hostile_revisions, revision, revisions
from tests.unit.test_mail_valid_mjml import CONTEXTS

CHECKOUT = Path(__file__).parents[2]
TRANSLATED = sorted(set(LANGUAGES) - {"en"})
TEMPLATES_OF_WORDS = sorted(
    path
    for path in TEMPLATES.rglob("*.*")
    if path.name != "look.mjml"  # colours and sizes alone
)
ATTRIBUTES = re.compile(r"""\b(?:aria-label|alt|title|placeholder|content)="([^"{]*[A-Za-z]{2}[^"{]*)\"""")
"""Attributes that are read out or shown, with text that is not put in."""
SILENT = {
    "http://purl.org/rss/1.0/modules/content/",
    "2026-12-31",
    "width=device-width, initial-scale=1",
    "light dark",
    "#f4f4f0",
    "#0f1214",
    "noindex",
    "article",
    "image/png",
    "summary_large_image",
}
"""Values of such attributes that nobody reads."""
LINK = re.compile(r"\[([^\]]+)\]")
WORD = re.compile(r"[A-Za-z]{2,}")
SENTENCE = re.compile(r"[A-Za-z]{2,}\W*\s\W*[A-Za-z]{2,}")


def catalogue(language: str) -> Catalog:
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def marked_texts() -> set[str]:
    """Everything that is marked in templates and code, found as `make words` finds it."""
    with (CHECKOUT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    (arguments,) = re.findall(r"pybabel -q extract (.*) -o", (CHECKOUT / "Makefile").read_text())
    keywords = {**DEFAULT_KEYWORDS, **parse_keywords(re.findall(r"-k (\S+)", arguments))}
    found = extract_from_dir(CHECKOUT, methods, options, keywords, directory_filter=lambda path: "/." not in path)
    return {id_of(text) for _, _, text, _, _ in found}


def id_of(text: object) -> str:
    return str(text[0]) if isinstance(text, tuple) else str(text)


def messages(language: str) -> list[Message]:
    return [message for message in catalogue(language) if message.id]


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_every_marked_text_and_no_other(language: str) -> None:
    """`make words` brings it up to date, and leaves what is new to be translated."""
    assert {id_of(message.id) for message in messages(language)} == marked_texts()


@pytest.mark.parametrize("language", TRANSLATED)
def test_all_of_it_is_translated_and_keeps_its_values(language: str) -> None:
    whole = catalogue(language)
    for message in (message for message in whole if message.id):
        texts = message.string if isinstance(message.string, tuple) else [message.string]
        assert all(texts), message.id
        assert not message.fuzzy, message.id
        assert message.check(whole) == []
        for text in texts:  # it stands in HTML as it is
            assert not set(str(text)) & set('<>&"')
            assert len(LINK.findall(str(text))) == len(LINK.findall(id_of(message.id))), "links are lost or added"


@pytest.mark.parametrize("path", TEMPLATES_OF_WORDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_template_has_unmarked_text(path: Path) -> None:
    source = path.read_text()
    assert set(ATTRIBUTES.findall(source)) <= SILENT
    bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.DOTALL)
    bare = re.sub(r"<code>.*?</code>|<!doctype html>| aria-[a-z]+=\"[^\"]*\"|UTC", "", bare, flags=re.DOTALL)
    bare = re.sub(r"<mj-style>.*?</mj-style>|<!--.*?-->|<[^<>]*>|&#?\w+;", "", bare, flags=re.DOTALL)
    assert WORD.findall(bare) == []
    assert list(unmarked(Environment(extensions=["jinja2.ext.i18n"]).parse(source))) == []


def unmarked(node: nodes.Node) -> Iterator[str]:
    """Texts of more than a word in expressions, but for those that are given to gettext."""
    if (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name in ("_", "ngettext", "linked")
    ):
        return
    if isinstance(node, nodes.Const) and is_said(node.value):
        yield node.value
    for child in node.iter_child_nodes():
        yield from unmarked(child)


def is_said(value: object) -> bool:
    """Whether it is text of more than a word, and no HTML to copy."""
    return isinstance(value, str) and bool(SENTENCE.search(value)) and not value.startswith("<")


def test_the_usual_labels_and_every_cadence_have_words() -> None:
    assert HYPE_NAMES == HYPE_LABELS
    assert set(CADENCE_NAMES) == set(Cadence)


def test_there_is_english_and_one_more() -> None:
    assert LANGUAGES == {"en": "English", "de": "Deutsch"}
    assert {code: Locale.parse(code).get_language_name(code) for code in LANGUAGES} == LANGUAGES


@pytest.mark.parametrize("code", ["en", "de", "ar", "he", "fa", "ja", "ru", "el"])
def test_a_language_is_written_in_its_direction(code: str) -> None:
    assert Language(code, gettext.NullTranslations()).direction == Locale.parse(code).text_direction


@pytest.mark.parametrize(
    ("code", "day", "sources"),
    [("en", "2 May 2026", "1,200 sources"), ("de", "2. Mai 2026", "1.200 Quellen"), ("gone", "2 May 2026", None)],
)
def test_dates_and_numbers(code: str, day: str, sources: str | None) -> None:
    words = language_of(code)
    assert words.day(date(2026, 5, 2)) == day
    assert words.counted("%(number)s source", "%(number)s sources", 1200) == (sources or "1,200 sources")
    assert words.counted("%(number)s source", "%(number)s sources", 1).startswith("1 ")


@pytest.mark.parametrize(
    ("cadence", "title", "why"),
    [
        (Cadence.DAILY, "Tagesausgabe · 24. November 2026", "Sie bekommen diese Tagesausgabe, weil"),
        (Cadence.WEEKLY, "Wochenausgabe · 24. November 2026", "Sie bekommen diese Wochenausgabe, weil"),
        (Cadence.MONTHLY, "Monatsausgabe · 24. November 2026", "Sie bekommen diese Monatsausgabe, weil"),
        (Cadence.BREAKING, "Eilmeldung · 24. November 2026", "weil Sie Eilmeldungen gewählt"),
    ],
)
def test_a_german_digest(cadence: Cadence, title: str, why: str) -> None:
    letter = render_digest(Content(cadence=cadence), SETTINGS, day=DAY, language="de")
    html, text = letter.edition(letter.full_mask)
    flat = " ".join(text.split())
    for words in (
        title,
        why,
        "Policy · 2. Mai 2026",
        "Vertrauenswert 69 von 100 · mittel · Etwas Hype · 1 Quelle",
        "Zum Artikel",
        "Abbestellen",
    ):
        assert words in flat
        assert words in " ".join(re.sub(r"<[^>]*>", "", html).split())
    for words in ("Read the story", "Trust 69", "Unsubscribe", "You get", "No ads"):
        assert words not in html + text
    assert '<html lang="de"' in html
    assert re.search(r'<h2 [^>]*lang="en"', html)
    assert letter.subject_of(1) == Content().subject  # stories, and what editors write, are as they are


def test_stories_name_their_language_where_it_is_not_the_mail_s() -> None:
    articles = [
        *(revision(f"e{n}", title="English") for n in range(6)),
        *(revision(f"d{n}", title="Deutsch", language="de") for n in range(6)),
    ]
    content = Content(revisions=articles, preheader="Before")
    english, german = (
        render_digest(content, SETTINGS, day=DAY, language=code).edition((1 << 12) - 1)[0] for code in ("en", "de")
    )
    tags = re.findall(r"<(?:h2|p|ul|span|b)\b[^>]* lang=[^>]*>", english)
    assert all(' lang="de"' in tag for tag in tags)
    assert [tag.split()[0] for tag in tags] == ["<h2", "<p", "<ul"] * 4 + ["<h2"] * 2  # in full, then compact
    named = re.findall(r"<(h2|p|ul|span|b)\b[^>]* lang=\"(\w+)\"[^>]*>", german)
    assert {language for _, language in named} == {"en"}
    assert '<div lang="en"><p dir="auto"' in german, "the intro"
    assert [name for name, _ in named] == ["span", *["b", "h2", "p", "ul"] * 6, *["b"] * 4]


def test_the_frame_is_all_that_differs() -> None:
    """Addresses, titles and texts of the stories stand in both, in the same order; one of them names their language."""
    content = Content(revisions=[*revisions(3), *hostile_revisions()])
    english, german = (render_digest(content, SETTINGS, day=DAY, language=code) for code in ("en", "de"))
    for ours, theirs in zip(english.html, german.html, strict=True):
        if ours.when == When.ALWAYS:
            continue
        assert re.findall(r"<h2.*?</h2>|<ul.*?</ul>|href=\"[^\"]*\"", ours.text, re.DOTALL) == re.findall(
            r"<h2.*?</h2>|<ul.*?</ul>|href=\"[^\"]*\"", theirs.text.replace(' lang="en"', ""), re.DOTALL
        )


def test_breaking_news_says_so() -> None:
    letter = render_digest(Content(cadence=Cadence.BREAKING, revisions=[revision()]), SETTINGS, day=DAY)
    text = " ".join("".join(letter.edition(1)[1]).split())
    assert "Breaking news · 24 November 2026" in text
    assert "You get this because you chose breaking news and confirmed" in text


@pytest.mark.parametrize("name", CONTEXTS)
@pytest.mark.parametrize("language", TRANSLATED)
def test_every_transactional_mail_speaks_it(name: str, language: str) -> None:
    english, other = (render_mail(SETTINGS, name, CONTEXTS[name], code) for code in ("en", language))
    sentences = [line for line in english.text.splitlines() if SENTENCE.search(line) and "Example Street" not in line]
    assert sentences
    assert [line for line in sentences if line in other.text.splitlines()] == []
    assert other.subject != english.subject
    values = {key: value for key, value in CONTEXTS[name].items() if key != "link"}
    message = compose_mail(SETTINGS, name, f"/confirm/{PLACEHOLDER}", values, language=language)
    encode(message).render(Recipient(1, "reader@example.org", "x" * 118))
