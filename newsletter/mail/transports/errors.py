"""The ways in which sending fails, told apart where the provider answers: here, and nowhere above.

Each speaks for the recipients that still have no answer in the result.
"""

from __future__ import annotations

from newsletter.core.errors import NewsletterError


class TransportError(NewsletterError):
    """Sending failed; the message is a sentence without addresses or keys."""


class NotAcceptedError(TransportError):
    """Not accepted (no connection, 429, 503 …): send again, after `retry_after` seconds if the provider said so."""

    def __init__(self, code: str, message: str, /, *, retry_after: float | None = None, **values: object) -> None:
        super().__init__(code, message, **values)
        self.retry_after = retry_after


class CutOffError(NotAcceptedError):
    """The connection was ended at one recipient, before the message was taken: perhaps because of that recipient."""


class RefusedForGoodError(TransportError):
    """Not accepted, and trying again would not help (a wrong key, a forbidden sender): a person must act."""


class InDoubtError(TransportError):
    """Perhaps accepted: the answer was lost. Sending again could mail everyone twice."""
