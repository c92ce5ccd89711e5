"""No page and no mail uses a phrase that readers stumbled over, in English or in German.

The phrases are those that docs/glossary.md retires for readers; each is one that a page or a mail once had.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient

from newsletter.articles.models import RevisionKind
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.db import Database
from newsletter.core.languages import LANGUAGES, LOCALES
from newsletter.digests.rendering import render_digest
from newsletter.mail.transactional_rendering import render_mail
from tests.invariants.test_pages import Examples, is_mail
from tests.services.rendered_digests import DAY, SETTINGS, Content, revision
from tests.unit.test_mail_valid_mjml import CONTEXTS

WRONG = [revision("wrong", number=2, kind=RevisionKind.CORRECTION, note="It was 38, not 36.")]
RETIRED = {
    "en": (
        r"(?<!e)mail address",
        r"\bmails?\b(?! server)(?<!undelivered mail)",
        r"\bby mail\b",
        r"this mail\b",
        r"confirmation mail",
        r"\bone last mail\b",
        r"\bmails? you\b",
        r"that we can write to",
        r"typing mistake",
        r"until you leave",
        r"needs? another look",
        r"at once when there is some",
        r"takes no mail from us",
        r"is not written to",
        r"the letter starts",
        r"press the button, and",
        r"get the letter\b",
        r"gets? the (daily|weekly|monthly) letter,",
        r"leave the letter",
        r"leave with one click",
        r"send me no more letters",
        r"you have left",
        r"has left\b",
        r"if it is only too much",
        r"would you say why",
        r"you need not",
        r"no letter goes to",
        r"of dates, links and notes",
        r"no letter before",
        r"\ba pause\b(?! until)(?! lasts)(?<!after a pause)(?<!stories, a pause)",
        r"we tell the old address",
        r"why a mail",
        r"move your letter\b",
        r"whoever reads your mailbox",
        r"none was made for you",
        r"key of the links",
        r"was entered to get",
        r"what came back",
        r"what you agreed to and",
        r"confirmed there",
        r"\bdigest\b",
        r"take the change back",
        r"the change is taken back",
    ),
    "de": (
        r"Bestätigen Sie Ihr Abonnement",
        r"\bAbonnements?\b",
        r"Diese Adresse wurde eingetragen, um",
        r"öffnet eine Seite, die noch einmal fragt",
        r"die nächste Ausgabe, die erscheint",
        r"bevor auch diese bestätigt ist",
        r"darum gebeten hat",
        r"die dort bestätigt wurde",
        r"machen Sie es rückgängig",
        r"Sie haben uns gebeten, zu löschen",
        r"was an Mails zurückkam",
        r"Er sagt uns, dass",
        r"die Löschung verlangt",
        r"Dort können Sie es herunterladen oder löschen\.",
        r"\bKnopf\b",
        r"ändern oder abbestellen",
        r"Vertrauen \d",
        r"\bAuswahl\b(?<!Nur diese Auswahl)",
        r"\bBrief",
        r"(?<!E-)\bMail-?[Aa]dresse",
        r"\b(diese|die|eine|letzte|der) E-Mail\b(?!-)",
        r"\bper Mail\b",
        r"Mail-Anbieter",
        r"\bLesende",
    ),
}


POSTED: tuple[dict[str, str], ...] = (
    {},
    {"email": "ada"},
    {"email": "ada@gmial.com"},
    {"email": "ada@new.example"},
    {"until": "x"},
)
"""Posted to each page: wrong, suspect and right values."""


def texts_of(html: str) -> str:
    """The words that people read or hear: text, and attributes that are read out."""
    spoken = " ".join(re.findall(r'(?:aria-label|placeholder|content|value)="([^"]*)"', html))
    text = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(f"{text} {spoken}").split())


def pages(examples: Examples, client: FlaskClient, language: str) -> Iterator[tuple[str, str]]:
    """Every page, and every answer to a form."""
    for path in examples.addresses():
        path = f"{path}?language={language}"
        for answer in (client.get(path), *(client.post(path, data=data) for data in POSTED)):
            if answer.mimetype == "text/html":
                yield path, answer.text


def mails(language: str) -> Iterator[tuple[str, str]]:
    """Every mail: subject, text and HTML."""
    for name, context in CONTEXTS.items():
        yield name, " ".join(render_mail(SETTINGS, name, context, language))
    for cadence in Cadence:
        digest = render_digest(Content(cadence=cadence), SETTINGS, corrections=WRONG, day=DAY, language=language)
        yield cadence, " ".join(digest.edition(digest.full_mask))


def found(text: str, language: str) -> list[str]:
    """The retired phrases in a text."""
    return [phrase for phrase in RETIRED[language] if re.search(phrase, text, re.IGNORECASE)]


def sentences(language: str) -> Iterator[str]:
    """Every sentence of the German catalogue: its English, or its German."""
    with (LOCALES / "de" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        forms = message.id if language == "en" else message.string
        yield from (forms if isinstance(forms, (list, tuple)) else [forms or ""])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_has_a_retired_phrase(language: str) -> None:
    assert {sentence: phrases for sentence in sentences(language) if (phrases := found(sentence, language))} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_mail_has_a_retired_phrase(language: str) -> None:
    for name, mail in mails(language):
        assert found(texts_of(mail), language) == [], name


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the words are the same on both
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_has_a_retired_phrase(
    app: Flask, client: FlaskClient, db: Database, settings: Settings, language: str
) -> None:
    examples = Examples(app, db, settings)
    count = 0
    for path, page in pages(examples, client, language):
        if is_mail(path):
            continue
        assert found(texts_of(page), language) == [], path
        count += 1
    assert count > 200


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "<label>Your mail address</label>"),
        ("en", "<h1>No letter\n goes to you</h1>"),
        ("en", '<p aria-label="Leave the letter"></p>'),
        ("en", "<p>You get this weekly digest because</p>"),
        ("en", "<h2>A pause</h2>"),
        ("de", "<p>Wenn der Knopf nicht funktioniert</p>"),
        ("de", "<p>Vertrauen 69 · Etwas Hype</p>"),
        ("de", "<h1>Bestätigen Sie Ihr Abonnement</h1>"),
    ],
)
def test_a_retired_phrase_is_found(language: str, text: str) -> None:
    assert found(texts_of(text), language)
