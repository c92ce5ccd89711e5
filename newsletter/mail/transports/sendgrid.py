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
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import InDoubtError, NotTakenError, RefusedForGoodError
from newsletter.mail.transports.redaction import redact
from newsletter.mail.transports.sendgrid_answers import (
    accepted_as,
    as_error,
    as_refusal,
    batch_id,
    is_cancelled,
    refused_recipients,
)
from newsletter.mail.transports.sendgrid_client import ApiResponse, NoAnswerError, NotConnectedError, SendGridClient
from newsletter.mail.transports.sendgrid_request import MOST_RECIPIENTS, Personalization, build_request

ASK_WITHIN = 10.0
"""Seconds for a question about what is scheduled."""


class SendGridTransport:
    """The Mail Send API at `host`; ConfigurationError when key or host cannot be right.

    `deadline`: seconds for all of one call. It is generous, since an answer that is not waited for leaves a doubt that
    a person must settle. `context`: what certificates are checked against, by default those that the system trusts.
    """

    name = "sendgrid"
    all_or_nothing = True
    idempotent = False

    def __init__(self, api_key: str, host: str, deadline: float = 60.0, context: ssl.SSLContext | None = None) -> None:
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key or not api_key:
            raise ConfigurationError("SENDGRID_API_KEY is not a key: it must be one word of plain letters.")
        if urlsplit(host).scheme not in ("http", "https") or not urlsplit(host).hostname:
            raise ConfigurationError("SENDGRID_HOST is not valid: it must look like https://api.sendgrid.com.")
        self.deadline = deadline
        self._client = SendGridClient(api_key, host, context)

    def send(self, message: Message, recipients: Sequence[Recipient], record: SendResult) -> None:
        """See Transport.send. ValueError when more than 1000 recipients are waiting.

        One bad address fails the whole request (400): those that the answer names are recorded as refused, and the rest
        is sent at once. Each round is smaller than the one before.
        """
        with Deadline(self.deadline) as deadline:
            batch = _wire_recipients(recipients, record)
            if len(batch) > MOST_RECIPIENTS:
                raise ValueError(f"SendGrid takes at most {MOST_RECIPIENTS} recipients at once")
            while batch and record.may_continue():
                answer = self._post(_body(message, batch), deadline)
                if message_id := accepted_as(answer):
                    record.accept_rest(message_id)
                    return
                refused = refused_recipients(answer)
                if not any(position < len(batch) for position in refused):
                    raise as_error(answer)
                batch = _without(batch, refused, record)

    def reserve_batch_id(self) -> str:
        """A new batch_id (POST /v3/mail/batch), by which a request with `send_at` can be taken back. Raises
        NotTakenError or RefusedForGoodError.
        """
        answer = self._ask(lambda deadline: self._client.post("mail/batch", b"{}", deadline))
        name = batch_id(answer)
        if not name:
            raise as_refusal(answer)
        return name

    def cancel_batch(self, provider_batch_id: str) -> None:
        """Cancel what was handed over under this batch_id. Raises NotTakenError or RefusedForGoodError.

        SendGrid answers 400 when it is cancelled already, and when ten are: it holds no more cancellations at a time.
        """
        body = orjson.dumps({"batch_id": provider_batch_id, "status": "cancel"})
        answer = self._ask(lambda deadline: self._client.post("user/scheduled_sends", body, deadline))
        if answer.status == 400 and provider_batch_id.isalnum():
            state = self._ask(lambda deadline: self._client.get(f"user/scheduled_sends/{provider_batch_id}", deadline))
            if is_cancelled(state, provider_batch_id):
                return
        if answer.status != 201:
            raise as_refusal(answer)

    def close(self) -> None:
        """Each request has a connection of its own."""

    def _ask(self, request: Callable[[Deadline], ApiResponse]) -> ApiResponse:
        """A request that may be repeated without harm."""
        try:
            with Deadline(min(self.deadline, ASK_WITHIN)) as deadline:
                return request(deadline)
        except (NotConnectedError, NoAnswerError) as error:
            raise NotTakenError(f"SendGrid cannot be reached: {error}.") from error

    def _post(self, body: bytes, deadline: Deadline) -> ApiResponse:
        if deadline.passed:
            raise NotTakenError(f"SendGrid could not be asked within {self.deadline:g} seconds.")
        try:
            return self._client.post("mail/send", body, deadline)
        except NotConnectedError as error:
            raise NotTakenError(f"SendGrid cannot be reached: {error}.") from error
        except NoAnswerError as error:
            raise InDoubtError(f"SendGrid's answer was lost: {error}.") from error


def _body(message: Message, batch: Sequence[Personalization]) -> bytes:
    """The request. Nothing was sent when it cannot be written, so this leaves no doubt."""
    try:
        return build_request(message, batch)
    except (ValueError, TypeError) as error:  # orjson's own are TypeErrors
        raise RefusedForGoodError(f"This letter cannot be put into a request for SendGrid: {error}.") from error


def _wire_recipients(recipients: Sequence[Recipient], record: SendResult) -> list[Personalization]:
    """Those who are waiting. Whom SendGrid would stumble over is refused here."""
    batch: list[Personalization] = []
    seen: set[str] = set()
    for index in record.waiting():
        try:
            address = wire_address(recipients[index].address)
        except ValueError:
            record.refused(index, NOT_AN_ADDRESS)
            continue
        if not address.isascii():
            record.refused(index, "SendGrid takes no addresses with letters beyond ASCII before the @.")
        elif (folded := address.lower()) in seen:
            record.refused(index, "The same address stands in this batch already.")
        else:
            seen.add(folded)
            batch.append(Personalization(index, recipients[index].place, address, recipients[index].token))
    return batch


def _without(batch: list[Personalization], refused: dict[int, str], record: SendResult) -> list[Personalization]:
    """Record those whose position in the request is in `refused`; the others are left."""
    left = []
    for position, one in enumerate(batch):
        if position in refused:
            record.refused(one.number, redact(refused[position], one.address))
        else:
            left.append(one)
    return left
