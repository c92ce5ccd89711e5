"""Rendering: a digest of ten articles, a further edition of it, a further recipient."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import cycle
from statistics import median

from newsletter.articles import page
from newsletter.articles.models import Article, Revision
from newsletter.core.config import HYPE_LABELS, Settings
from newsletter.core.tokens import random_token
from newsletter.digests.models import Digest, DigestArticle
from newsletter.digests.rendering import RenderedDigest, render_digest, to_message
from newsletter.mail.encoding import EncodedMessage, encode
from newsletter.mail.message import Recipient
from tests.bench.result import Row, at_most
from tests.factories import SAMPLES

SETTINGS = replace(
    Settings(),
    public_url="https://letters.dispatch.example",
    mail_from="letters@dispatch.example",
    mail_postal_address="Dispatch, 1 Example Street, 10115 Berlin",
)


def measure() -> list[Row]:
    """Medians of many runs, beside a mail of the same content that Python's `email` writes."""
    digest = ten_articles()
    encode_whole(render_digest(digest, SETTINGS), 0)  # templates are compiled once for each process
    whole = timed(lambda: encode_whole(render_digest(digest, SETTINGS), 0), 30)
    rendered = render_digest(digest, SETTINGS)
    masks = cycle(range(1, rendered.full_mask))
    edition = timed(lambda: encode_whole(rendered, next(masks)), 200)
    encoded = encode_whole(rendered, 0)
    reader = Recipient(1, "reader@readers.example", random_token())
    recipient = timed(lambda: encoded.render(reader), 5000)
    html, text = rendered.edition(rendered.full_mask)
    mail = timed(lambda: _mail(html, text), 50)
    return [
        Row("A digest of 10 articles, written by Python's `email`", mail * 1e3, "ms"),
        at_most("Compile and encode it", whole / mail, "× that", 8),
        at_most("A further edition of it", edition / mail, "× that", 0.2),
        at_most("A further recipient", recipient / mail, "× that", 0.01),
    ]


def _mail(html: str, text: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = SETTINGS.mail_from, "reader@readers.example", "Ten articles"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


def ten_articles() -> Digest:
    """A digest of the ten samples, in no database."""
    items = []
    for position, path in enumerate(sorted(SAMPLES.glob("*.txt"))[:10]):
        content = page.parse_page(path.read_bytes(), HYPE_LABELS).content()
        revision = Revision(article=Article(slug=f"article-{position}"), number=1, is_current=True, **content)
        items.append(DigestArticle(position=position, revision=revision))
    return Digest(
        cadence="weekly",
        subject="Ten articles",
        preheader="",
        intro="",
        intro_with_lead=False,
        min_trust=0,
        items=items,
    )


def encode_whole(rendered: RenderedDigest, mask: int) -> EncodedMessage:
    now = datetime.now(UTC)
    return encode(to_message(rendered, mask or rendered.full_mask, "html", SETTINGS, id_salt=b"salt", date=now))


def timed(what: Callable[[], object], times: int) -> float:
    """Median seconds of one call."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - began)
    return median(seconds)
