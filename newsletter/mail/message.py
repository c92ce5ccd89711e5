"""A message as plain values: what all recipients of an edition get alike, and what is each one's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from newsletter.mail import return_path


class Recipient(NamedTuple):
    """Someone a message goes to. `id` is opaque; `token` replaces the message's placeholder; `position` is the one in
    the batch, by which a provider's event finds the reader again."""

    id: int
    address: str
    token: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """What every recipient gets alike. A reader's address stands only in headers, a token only at the placeholder."""

    sender: str
    sender_name: str
    reply_to: str
    """Empty when replies go to the sender."""
    subject: str
    text: str
    html: str
    """Empty for a mail of text alone."""
    placeholder: str
    """Stands in text, html and unsubscribe_url where a recipient's token goes; empty when nothing is personal."""
    unsubscribe_url: str
    """An https URL for RFC 8058 one-click; empty for a single mail that nobody can unsubscribe from."""
    headers: tuple[tuple[str, str], ...]
    """Further headers that all share, e.g. List-ID."""
    id_domain: str
    id_salt: bytes
    """Secret, kept with what is sent: the same recipient gets the same Message-ID at each try."""
    date: datetime
    send_at: datetime | None = None
    """When the provider shall send it, if it is handed over ahead of its time."""
    provider_batch_id: str = ""
    """The provider's name for what is handed over ahead, by which it can be taken back."""
    reference: tuple[tuple[str, str], ...] = ()
    """Opaque names of what is sent, for the provider's later events: ("batch", "17"), ("attempt", "1")."""
    return_path_domain: str = ""
    """Where bounces go, each to an address of its recipient's own; empty when they go to the sender."""
    return_path_key: bytes = field(default=b"", repr=False)
    """Signs those addresses, so that nobody else can make one."""

    def message_id(self, recipient: Recipient) -> str:
        """The Message-ID without its angle brackets (RFC 5322 3.6.4)."""
        digest = hashlib.blake2b(b"%d" % recipient.id, key=self.id_salt, digest_size=16).hexdigest()
        return f"{digest}@{self.id_domain}"

    def envelope_sender(self, recipient: Recipient) -> str:
        """The address that a mail server reports failures to (RFC 5321 3.6.3): where bounces are read, one that says
        which batch and which recipient they are about.
        """
        batch = dict(self.reference).get("batch") if self.return_path_domain else None
        if batch is None:
            return self.sender
        return return_path.signed_address(self.return_path_key, self.return_path_domain, int(batch), recipient.id)
