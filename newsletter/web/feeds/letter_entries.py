"""Letters as entries of a feed: their text as it was sent, with what was corrected since beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from flask import render_template
from sqlalchemy.orm import Session

from newsletter.articles.addresses import article_address
from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.languages import PUBLICATION_LANGUAGE
from newsletter.core.markdown import block_html
from newsletter.delivery.letters.changes_since import LetterSince, changes_since
from newsletter.delivery.letters.letter_list import newest_letters
from newsletter.digests.models import Digest
from newsletter.web.feeds.feed import FEED_SIZE, Entry, urn
from newsletter.web.feeds.xml_text import one_line, xml_text


def letter_entries(session: Session, settings: Settings, namespace: UUID) -> tuple[Entry, ...]:
    """The newest letters. A correction of one of its stories moves a letter's time."""
    letters = newest_letters(session, FEED_SIZE)
    since = changes_since(session, [each.id for each in letters], settings.timezone)
    return tuple(_letters(settings, namespace, [(each, since[each.id]) for each in letters]))


def _letters(settings: Settings, namespace: UUID, letters: list[tuple[Digest, LetterSince]]) -> Iterator[Entry]:
    for letter, since in letters:
        if letter.letter_name is None or letter.letter_since is None:
            continue  # never: the list holds letters alone
        stories = [(each, article_address(settings, each.slug, each.url)) for each in letter.revisions]
        content = render_template(
            "feeds/letter.html",
            intro=block_html(letter.intro),
            corrections=letter.corrections,
            stories=stories,
            since=since,
        )
        yield Entry(
            id=urn(namespace, f"digest/{letter.id}"),
            address=settings.url(public_paths.letter(letter.letter_name)),
            title=one_line(letter.subject),
            summary=one_line(letter.preheader),
            content=xml_text(content),
            published=letter.letter_since,
            updated=_updated(letter.letter_since, since),
            language=PUBLICATION_LANGUAGE,
            sections=tuple(dict.fromkeys(one_line(each.section) for each in letter.revisions)),
        )


def _updated(sent: datetime, since: LetterSince) -> datetime:
    return max([sent, *(each.at for story in since.values() for each in story.corrections)])
