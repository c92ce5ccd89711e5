"""The mail of a letter as it was sent, with all its stories, without anything that belongs to one reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.core.config import Settings
from newsletter.core.languages import PUBLICATION_LANGUAGE
from newsletter.delivery.ledger.models import RenderedDigestRow
from newsletter.digests.models import Digest
from newsletter.digests.rendering import RenderedDigest, render_digest, to_message
from newsletter.mail.formats import Format
from newsletter.mail.message_checks import MessageChecks, check_message
from newsletter.mail.public_copy import personal_addresses, public_copy


class MailParts(NamedTuple):
    """The two parts of a mail."""

    html: str
    text: str


class SentMessage(NamedTuple):
    """A mail in wire form, and what was found in it."""

    raw: bytes
    language: str
    checks: MessageChecks


def mail_parts(session: Session, settings: Settings, digest: Digest, language: str, *, instead: str) -> MailParts:
    """The parts of the mail in that language: as it was frozen, or as it would have been where no reader had it.

    A reader's own links lead to the address `instead`.
    """
    row = _frozen(session, digest.id).get(language)
    if row is not None:
        rendered = RenderedDigest.from_json(row.content)
    else:
        day = digest.scheduled_at.astimezone(settings.timezone).date() if digest.scheduled_at else None
        name, corrections = digest.letter_name or "", digest.corrections
        rendered = render_digest(digest, settings, name, corrections=corrections, day=day, language=language)
    html, text = rendered.edition(rendered.full_mask)
    own = re.escape(rendered.placeholder)
    html = re.sub(rf'href="[^"]*{own}[^"]*"', lambda _: f'href="{escape(instead)}"', html)
    text = re.sub(rf"https?://\S*{own}\S*", lambda _: instead, text)
    return MailParts(*(part.replace(rendered.placeholder, "") for part in (html, text)))


def sent_message(session: Session, settings: Settings, digest: Digest, language: str) -> SentMessage | None:
    """The message as it was sent in that language, else in another one: what nobody was sent has no source.

    None when the digest was frozen for nobody.
    """
    rows = _frozen(session, digest.id)
    row = rows.get(language) or rows.get(PUBLICATION_LANGUAGE) or next(iter(rows.values()), None)
    if row is None:
        return None
    rendered = RenderedDigest.from_json(row.content)
    message = to_message(rendered, rendered.full_mask, Format.HTML, settings, id_salt=row.id_salt, date=row.created_at)
    raw = public_copy(message)
    return SentMessage(raw, row.language, check_message(raw, personal_addresses(settings)))


def _frozen(session: Session, digest_id: int) -> Mapping[str, RenderedDigestRow]:
    """The digest as it was frozen, by language."""
    rows = session.scalars(select(RenderedDigestRow).where(RenderedDigestRow.digest_id == digest_id))
    return {row.language: row for row in rows}
