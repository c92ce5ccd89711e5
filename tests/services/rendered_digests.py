"""Articles and letters to render in tests, the real one and ones that mean harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from newsletter.articles.models import Article, Revision
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.mail.message import Message

SETTINGS = Settings(
    public_url="https://letters.example.org",
    mail_from="letters@dispatch.example",
    mail_reply_to="editors@dispatch.example",
    mail_postal_address="Dispatch, 1 Example Street, 10115 Berlin",
)
DAY = date(2026, 11, 24)
MOMENT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
SALT = b"a salt of the tests"
TOKEN = "0123456789abcdefABCDEF"

HOSTILE = (
    'He said "{{ 7*7 }}" & <script>alert(1)</script>',
    "{% raw %} {# gone? #} {{ settings.secret_key }}",
    "<!-- a comment --> ]]> <![CDATA[x]]> <?xml version='1.0'?>",
    "</mj-text></mj-column><mj-include path='/etc/passwd' /><mj-image src='https://evil.example/x.png' />",
    "two\nlines\r\nand\ttabs\u2028and more\x00\x1b[31m",
    "&amp; &lt;b&gt; &#8203; &unknown;",
    "Grüße, 日本語, 🎉, שלום and مرحبا",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung" * 3,
    "=?utf-8?q?=0D=0ABcc:_everyone@example.org?= https://evil.example/?a=1&b=2",
)
HEADLINE = (
    "A headline of one hundred and forty characters is what an editor writes on a bad day, and the mail has to carry "
    "it without a single crack at all"
)


def revision(slug: str = "musk-testifies-xai-used-model-distillation", **changes: Any) -> Revision:
    """The real article, with `changes`."""
    values: dict[str, Any] = {
        "language": "en",
        "section": "Policy",
        "date": date(2026, 5, 2),
        "title": "Musk testifies xAI used model distillation with OpenAI technology in courtroom proceedings",
        "dek": "In federal court testimony, Elon Musk acknowledged xAI has employed model distillation techniques "
        "involving OpenAI's models, describing the practice as standard industry procedure for validating AI systems.",
        "trust": 69,
        "hype": "Some hype",
        "source_count": 1,
        "sources_json": [],
        "bullets": [
            (
                "Elon Musk testified in a California federal courtroom that xAI used model distillation with OpenAI's "
                'models to improve Grok, answering "partly" when directly asked about the practice.'
            ),
            (
                "Musk characterized model distillation as standard industry practice, stating it is common for AI "
                "companies to use competitor models to validate their own systems."
            ),
            (
                "Model distillation, where larger AI models train smaller ones, occupies a legal and ethical gray "
                "area—legitimate within a company but controversial when used to mimic competitor capabilities."
            ),
            (
                "OpenAI and Anthropic have publicly flagged distillation of their models by competitors including "
                "Chinese firms DeepSeek, Moonshot, and MiniMax as a concern."
            ),
        ],
        "body": "",
        **changes,
    }
    return Revision(**values, article=Article(slug=slug))


def revisions(count: int) -> list[Revision]:
    """Different articles; no two blocks are alike."""
    return [revision(f"story-{number}", title=f"Story number {number}", trust=number) for number in range(count)]


def hostile_revisions() -> list[Revision]:
    """An article for each hostile text, which stands in every place that takes text."""
    return [
        revision(f"hostile-{n}", section=text, title=text, dek=text, bullets=[text, text], hype=text)
        for n, text in enumerate(HOSTILE)
    ]


@dataclass
class Content:
    """What a letter is made from."""

    subject: str = "Courtroom distillation, and what follows"
    preheader: str = "What xAI said under oath"
    intro: str = "Two things stood out this week.\n\nThe rest is shorter than usual."
    cadence: Cadence = Cadence.WEEKLY
    revisions: Sequence[Revision] = field(default_factory=lambda: [revision()])
    intro_with_lead: bool = False
    lead_position: int | None = 0

    @property
    def deks(self) -> list[str]:
        return [each.dek for each in self.revisions]


def message(**changes: Any) -> Message:
    """A message to all recipients of an edition, with `changes`."""
    values: dict[str, Any] = {
        "sender": "letters@dispatch.example",
        "sender_name": "Dispatch",
        "reply_to": "editors@dispatch.example",
        "subject": "What follows",
        "text": f"Hello\n\nhttps://letters.example.org/unsubscribe/{TOKEN}\n",
        "html": f'<p>Hello</p> <a href="https://letters.example.org/unsubscribe/{TOKEN}">Leave</a>',
        "placeholder": TOKEN,
        "unsubscribe_url": f"https://letters.example.org/unsubscribe/{TOKEN}",
        "headers": (("List-ID", "Dispatch <letters.letters.example.org>"),),
        "id_domain": "letters.example.org",
        "id_salt": SALT,
        "date": MOMENT,
        **changes,
    }
    return Message(**values)
