"""A message as plain values: the parts that all recipients share, and the recipients."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from newsletter.mail import message_ids, return_path

TEST_REFERENCE = ("test", "yes")
"""The reference of a test of a digest: a provider's events of it are ignored."""


class Recipient(NamedTuple):
    """A recipient of a message. `id` is opaque, and `token` replaces the message's placeholder.

    `position` is the one in the batch, by which a provider's event finds the reader again. `bounce_address` is the
    signed return path of a mail that belongs to no batch (a transactional mail), else empty.
    """

    id: int
    address: str
    token: str = ""
    position: int = 0
    bounce_address: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """The parts that all recipients share. An address stands in headers alone, a token at the placeholder alone."""

    sender: str
    sender_name: str
    reply_to: str
    """Empty when replies go to the sender."""
    subject: str
    text: str
    html: str
    """Empty for a mail of text alone."""
    placeholder: str
    """Stands for a recipient's token in text, html and unsubscribe_url; empty when nothing is personal."""
    unsubscribe_url: str
    """An https URL for one-click unsubscribing (RFC 8058); empty for a transactional mail, which has none."""
    headers: tuple[tuple[str, str], ...]
    """Further shared headers, e.g. List-ID."""
    id_domain: str
    id_salt: bytes
    """Secret, and the same at each try, so that a recipient gets the same Message-ID again."""
    date: datetime
    send_at: datetime | None = None
    """The time at which the provider sends it, if it gets it earlier (provider schedule)."""
    provider_batch_id: str = ""
    """The provider's name for a scheduled batch, by which it can be cancelled."""
    reference: tuple[tuple[str, str], ...] = ()
    """Opaque names for the provider's later events: ("batch", "17"), ("attempt", "1")."""
    return_path_domain: str = ""
    """The domain of bounces, which have an address for each recipient; empty when they go to the sender."""
    return_path_key: bytes = field(default=b"", repr=False)
    """Signs those addresses, so that nobody else can make one."""

    def message_id(self, recipient: Recipient) -> str:
        """The Message-ID without its angle brackets (RFC 5322 3.6.4)."""
        return f"{message_ids.message_name(self.id_salt, recipient.id)}@{self.id_domain}"

    def envelope_sender(self, recipient: Recipient) -> str:
        """The address to which a mail server reports failures (RFC 5321 3.6.3).

        With a return path domain it names the batch and the recipient.
        """
        if recipient.bounce_address:
            return recipient.bounce_address
        batch = dict(self.reference).get("batch") if self.return_path_domain else None
        if batch is None:
            return self.sender
        return return_path.signed_address(self.return_path_key, self.return_path_domain, int(batch), recipient.id)
