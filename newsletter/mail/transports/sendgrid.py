"""SendGrid: one request takes up to 1000 recipients, all or none."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import orjson

from newsletter.core.errors import ConfigurationError
from newsletter.mail.headers import wire_address
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import SendResult
from newsletter.mail.tracking import Tracking
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import InDoubtError, NotAcceptedError, RefusedForGoodError
from newsletter.mail.transports.redaction import redact
from newsletter.mail.transports.sendgrid_answers import (
    accepted_as,
    as_error,
    as_repeatable_error,
    batch_id,
    is_cancelled,
    refused_recipients,
)
from newsletter.mail.transports.sendgrid_client import ApiResponse, NoAnswerError, NotConnectedError, SendGridClient
from newsletter.mail.transports.sendgrid_request import MOST_RECIPIENTS, Personalization, build_request, tracking_of

ASK_WITHIN = 10.0
"""Seconds for a request about scheduled sends."""
_UNREACHABLE = "SendGrid cannot be reached: %(why)s."


class SendGridTransport:
    """The Mail Send API at `host`; ConfigurationError when key or host cannot be right.

    `deadline`: seconds for one whole call. It is generous, since giving up on an answer leaves a doubt that a person
    must resolve. `context`: the certificates to trust, by default the system's.
    """

    name = "sendgrid"
    all_or_nothing = True
    idempotent = False
    unrecorded_tracking = Tracking.UNKNOWN

    def __init__(self, api_key: str, host: str, deadline: float = 60.0, context: ssl.SSLContext | None = None) -> None:
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key or not api_key:
            raise ConfigurationError(
                "settings.sendgrid_api_key", "SENDGRID_API_KEY is not a key: it must be one word of plain letters."
            )
        if urlsplit(host).scheme not in ("http", "https") or not urlsplit(host).hostname:
            raise ConfigurationError(
                "settings.sendgrid_host", "SENDGRID_HOST is not valid: it must look like https://api.sendgrid.com."
            )
        self.deadline = self.silence = deadline
        self._client = SendGridClient(api_key, host, context)

    def send(self, message: Message, recipients: Sequence[Recipient], result: SendResult) -> None:
        """See Transport.send. ValueError when more than 1000 recipients are waiting.

        One bad address fails the whole request (400): the addresses that the answer names are recorded as refused, and
        the rest is sent at once. Each round is smaller than the one before.
        """
        with Deadline(self.deadline) as deadline:
            batch = _wire_recipients(recipients, result)
            if len(batch) > MOST_RECIPIENTS:
                raise ValueError(f"SendGrid takes at most {MOST_RECIPIENTS} recipients at once")
            while batch and result.may_continue():
                answer = self._post(_body(message, batch), deadline, result)
                if message_id := accepted_as(answer):
                    result.accept_rest(message_id)
                    return
                refused = refused_recipients(answer)
                if not any(position < len(batch) for position in refused):
                    raise as_error(answer)
                batch = _without(batch, refused, result)

    def reserve_batch_id(self) -> str:
        """Get a new batch_id (POST /v3/mail/batch), by which a request with `send_at` can be cancelled.

        Raises NotAcceptedError or RefusedForGoodError.
        """
        answer = self._repeatable(lambda deadline: self._client.post("mail/batch", b"{}", deadline))
        name = batch_id(answer)
        if not name:
            raise as_repeatable_error(answer)
        return name

    def cancel_batch(self, provider_batch_id: str) -> None:
        """Cancel the requests under this batch_id. Raises NotAcceptedError or RefusedForGoodError.

        SendGrid answers 400 when they are cancelled already, and when ten are: it keeps no more at a time.
        """
        body = orjson.dumps({"batch_id": provider_batch_id, "status": "cancel"})
        answer = self._repeatable(lambda deadline: self._client.post("user/scheduled_sends", body, deadline))
        if answer.status == 400 and provider_batch_id.isalnum():
            state = self._repeatable(
                lambda deadline: self._client.get(f"user/scheduled_sends/{provider_batch_id}", deadline)
            )
            if is_cancelled(state, provider_batch_id):
                return
        if answer.status != 201:
            raise as_repeatable_error(answer)

    def close(self) -> None:
        """Each request has a connection of its own."""

    def _repeatable(self, request: Callable[[Deadline], ApiResponse]) -> ApiResponse:
        """Make a request that may be repeated without harm."""
        try:
            with Deadline(min(self.deadline, ASK_WITHIN)) as deadline:
                return request(deadline)
        except (NotConnectedError, NoAnswerError) as error:
            raise NotAcceptedError("sendgrid.unreachable", _UNREACHABLE, why=error) from error

    def _post(self, body: bytes, deadline: Deadline, result: SendResult) -> ApiResponse:
        if deadline.passed:
            raise NotAcceptedError(
                "sendgrid.too_slow",
                "SendGrid could not be asked within %(seconds)s seconds.",
                seconds=f"{self.deadline:g}",
            )
        try:
            answer = self._client.post("mail/send", body, deadline)
        except NotConnectedError as error:
            raise NotAcceptedError("sendgrid.unreachable", _UNREACHABLE, why=error) from error
        except NoAnswerError as error:
            result.requested(tracking_of(body))
            raise InDoubtError("sendgrid.answer_lost", "SendGrid's answer was lost: %(why)s.", why=error) from error
        result.requested(tracking_of(body))
        return answer


def _body(message: Message, batch: Sequence[Personalization]) -> bytes:
    """The request's body. If it cannot be written, nothing was sent: that leaves no doubt."""
    try:
        return build_request(message, batch)
    except (ValueError, TypeError) as error:  # orjson's own are TypeErrors
        raise RefusedForGoodError(
            "sendgrid.unwritable", "This mail cannot be put into a request for SendGrid: %(why)s.", why=error
        ) from error


def _wire_recipients(recipients: Sequence[Recipient], result: SendResult) -> list[Personalization]:
    """The waiting recipients. Addresses that would fail the whole request are refused here."""
    batch: list[Personalization] = []
    seen: set[str] = set()
    for index in result.waiting():
        recipient = recipients[index]
        try:
            address = wire_address(recipient.address)
        except ValueError:
            result.refused(index, NOT_AN_ADDRESS)
            continue
        if not address.isascii():
            result.refused(index, "SendGrid takes no addresses with letters beyond ASCII before the @.")
        elif (folded := address.lower()) in seen:
            result.refused(index, "The same address stands in this batch already.")
        else:
            seen.add(folded)
            batch.append(Personalization(index, recipient.position, address, recipient.token))
    return batch


def _without(batch: list[Personalization], refused: dict[int, str], result: SendResult) -> list[Personalization]:
    """Record the recipients at these positions of the request as refused, and return the others."""
    rest = []
    for position, one in enumerate(batch):
        if position in refused:
            result.refused(one.number, redact(refused[position], one.address))
        else:
            rest.append(one)
    return rest
