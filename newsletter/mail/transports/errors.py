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
    """Not accepted, and trying again would not help (a wrong key, a forbidden sender): a person must act.

    `at_recipient` is the answer, redacted, when it came at the first recipient who has none: perhaps everybody would be
    refused so, perhaps by this recipient's server alone.
    """

    def __init__(self, code: str, message: str, /, *, at_recipient: str = "", **values: object) -> None:
        super().__init__(code, message, **values)
        self.at_recipient = at_recipient


class InDoubtError(TransportError):
    """Perhaps accepted: the answer was lost. Sending again could mail everyone twice."""
