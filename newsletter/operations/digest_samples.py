"""A test of a digest: one edition, sent to one address for an editor to look at. It is counted nowhere."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from newsletter.core import clock
from newsletter.core.cadence import Cadence
from newsletter.core.config import Settings
from newsletter.core.errors import ConflictError, InvalidError
from newsletter.core.runtime import Runtime
from newsletter.core.tokens import TEST_TOKEN
from newsletter.delivery.freezing.wanted_articles import mask_of
from newsletter.digests.models import Digest
from newsletter.digests.queries import get_digest
from newsletter.digests.rendering import render_digest, to_message
from newsletter.mail.message import TEST_REFERENCE, Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, SendResult
from newsletter.mail.transports import open_transport
from newsletter.subscribers import addresses
from newsletter.subscribers.preferences import Preferences
from newsletter.subscribers.suppression import suppressions

TEST_HEADER = ("X-Newsletter-Test", "yes")


@dataclass(frozen=True)
class SampleSent:
    """A test mail that the transport took."""

    subject: str
    articles: tuple[str, ...]
    """The slugs of its edition, in order."""


def send_sample(runtime: Runtime, digest_id: int, address: str, preferences: Preferences) -> SampleSent:
    """Send the edition that a reader with these preferences would get, as it is now, to an address.

    The address is no reader's, so no correction goes along; a digest that is a correction is sent as it is.

    It is marked by its subject and a header. Its token is no reader's: the pages of its links say that it was a test.
    Its reference says so too, so no event of it counts, even if the address is a reader's. Raises InvalidError for a
    wrong or suppressed address or an edition without an article, ConflictError when the address is refused,
    TransportError when nothing can be sent.
    """
    with runtime.db.reading() as session:
        to = _require_mailable(session, runtime.settings, address)
        digest = get_digest(session, digest_id)
        message, articles = _compose(digest, runtime.settings, preferences)
    result = SendResult(1)
    transport = open_transport(runtime.settings)
    try:
        transport.send(message, [Recipient(0, to, TEST_TOKEN)], result)
    finally:
        transport.close()
    if result.outcomes[0] != ACCEPTED:
        raise ConflictError(
            "digest.test_not_accepted",
            "The test was not accepted: %(reason)s",
            reason=result.reasons.get(0, "the transport stopped before it."),
        )
    return SampleSent(message.subject, articles)


def _require_mailable(session: Session, settings: Settings, address: str) -> str:
    to = addresses.normalise(address)
    if suppressions.is_suppressed(session, settings.suppression_key, addresses.identity_key(to)):
        raise InvalidError("digest.test_suppressed", "This address must not be mailed: it is suppressed.")
    return to


def _compose(digest: Digest, settings: Settings, preferences: Preferences) -> tuple[Message, tuple[str, ...]]:
    corrections = digest.corrections if digest.cadence == Cadence.CORRECTION else []
    rendered = render_digest(digest, settings, corrections=corrections, language=preferences.language)
    mask = (
        rendered.full_mask
        if corrections
        else mask_of(
            digest.revisions, preferences.sections, preferences.min_trust, preferences.max_hype, settings.hype_labels
        )
    )
    if not mask:
        raise InvalidError(
            "digest.edition_empty", "No article of digest %(digest)s fits these preferences.", digest=digest.id
        )
    salt = secrets.token_bytes(32)  # each test is a mail of its own
    message = to_message(
        rendered,
        mask,
        preferences.format,
        settings,
        id_salt=salt,
        date=clock.now(),
        reference=(TEST_REFERENCE,),
    )
    marked = replace(message, subject=f"[Test] {message.subject}", headers=(*message.headers, TEST_HEADER))
    held = [*digest.revisions, *corrections]
    slugs = [revision.slug for position, revision in enumerate(held) if mask >> position & 1]
    return marked, tuple(slugs)
