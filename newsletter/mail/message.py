"""A message as plain values: what all recipients of an edition get alike, and what is each one's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Recipient(NamedTuple):
    """Someone a message goes to. `id` is opaque; `token` replaces the message's placeholder; `place` is the number in
    the batch, by which a provider's event finds the reader again."""

    id: int
    address: str
    token: str = ""
    place: int = 0


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
    handover: str = ""
    """The provider's name for what is handed over ahead, by which it can be taken back."""
    reference: tuple[tuple[str, str], ...] = ()
    """Opaque names of what is sent, for the provider's later events: ("batch", "17"), ("attempt", "1")."""

    def message_id(self, recipient: Recipient) -> str:
        """The Message-ID without its angle brackets (RFC 5322 3.6.4)."""
        digest = hashlib.blake2b(b"%d" % recipient.id, key=self.id_salt, digest_size=16).hexdigest()
        return f"{digest}@{self.id_domain}"
