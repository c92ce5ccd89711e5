"""SendGrid: one request takes up to 1000 recipients, all or none."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from newsletter.core.errors import ConfigurationError
from newsletter.mail.headers import wire_address
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import Record
from newsletter.mail.transports.base import NOT_AN_ADDRESS
from newsletter.mail.transports.deadline import Deadline
from newsletter.mail.transports.errors import InDoubtError, NotTakenError
from newsletter.mail.transports.redaction import redact
from newsletter.mail.transports.sendgrid_answers import accepted_as, as_error, refused_recipients
from newsletter.mail.transports.sendgrid_client import Answer, MailSend, NoAnswerError, NotConnectedError
from newsletter.mail.transports.sendgrid_request import MOST_RECIPIENTS, build


class SendGridTransport:
    """The Mail Send API at `host`; ConfigurationError when key or host cannot be right.

    `deadline`: seconds for all of one call. It is generous, since an answer that is not waited for leaves a doubt that
    a person must settle. `context`: what certificates are checked against, by default those that the system trusts.
    """

    name = "sendgrid"
    whole = True
    repeatable = False

    def __init__(self, api_key: str, host: str, deadline: float = 60.0, context: ssl.SSLContext | None = None) -> None:
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key or not api_key:
            raise ConfigurationError("SENDGRID_API_KEY is not a key: it must be one word of plain letters.")
        if urlsplit(host).scheme not in ("http", "https") or not urlsplit(host).hostname:
            raise ConfigurationError("SENDGRID_HOST is not valid: it must look like https://api.sendgrid.com.")
        self.deadline = deadline
        self._mail_send = MailSend(api_key, host, context)

    def send(self, message: Message, recipients: Sequence[Recipient], record: Record) -> None:
        """See Transport.send. ValueError when more than 1000 recipients are waiting.

        One bad address fails the whole request (400): those that the answer names are recorded as refused, and the rest
        is sent at once. Each round is smaller than the one before.
        """
        with Deadline(self.deadline) as deadline:
            batch = _wire_recipients(recipients, record)
            if len(batch) > MOST_RECIPIENTS:
                raise ValueError(f"SendGrid takes at most {MOST_RECIPIENTS} recipients at once")
            while batch and record.may_go_on():
                answer = self._post(build(message, batch), deadline)
                if message_id := accepted_as(answer):
                    record.accept_rest(message_id)
                    return
                refused = refused_recipients(answer)
                if not any(position < len(batch) for position in refused):
                    raise as_error(answer)
                batch = _without(batch, refused, record)

    def close(self) -> None:
        """Each request has a connection of its own."""

    def _post(self, body: bytes, deadline: Deadline) -> Answer:
        if deadline.passed:
            raise NotTakenError(f"SendGrid could not be asked within {self.deadline:g} seconds.")
        try:
            return self._mail_send.post(body, deadline)
        except NotConnectedError as error:
            raise NotTakenError(f"SendGrid cannot be reached: {error}.") from error
        except NoAnswerError as error:
            raise InDoubtError(f"SendGrid's answer was lost: {error}.") from error


def _wire_recipients(recipients: Sequence[Recipient], record: Record) -> list[tuple[int, str, str]]:
    """Index, address and token of those who are waiting. Whom SendGrid would stumble over is refused here."""
    batch, seen = [], set()
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
            batch.append((index, address, recipients[index].token))
    return batch


def _without(batch: list[tuple[int, str, str]], refused: dict[int, str], record: Record) -> list[tuple[int, str, str]]:
    """Record those whose position in the request is in `refused`; the others are left."""
    left = []
    for position, one in enumerate(batch):
        if position in refused:
            record.refused(one[0], redact(refused[position], one[1]))
        else:
            left.append(one)
    return left
