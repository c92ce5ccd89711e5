"""The values of the frame that all mails share."""

from __future__ import annotations

from newsletter.core import public_paths
from newsletter.core.config import Settings
from newsletter.core.languages import Language


def frame_values(settings: Settings, language: Language) -> dict[str, object]:
    """The values that templates/mail/frame.mjml and frame.txt need, but for `title`."""
    return {
        "language": language.code,
        "publication": settings.publication_name,
        "site": settings.url(public_paths.FRONT),
        "host": settings.public_host,
        "postal_address": settings.mail_postal_address,
    }
