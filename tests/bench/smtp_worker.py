"""Sends `count` messages of 40 kB over SMTP, as a worker does it but without a database: to be run twice at once.

Says "ready" when it is connected, begins when it is told to, and prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime

from newsletter.core.tokens import random_token
from newsletter.digests.rendering import render_digest, to_message
from newsletter.mail.message import Message, Recipient
from newsletter.mail.outcomes import ACCEPTED, SendResult
from newsletter.mail.transports.smtp import SmtpTransport
from tests.bench.rendering import SETTINGS, ten_articles

BATCH = 1000
ARTICLES = 7
"""So many make a mail of 40 kB."""


def message() -> Message:
    """A real rendered."""
    rendered = render_digest(ten_articles(), SETTINGS)
    return to_message(rendered, (1 << ARTICLES) - 1, "html", SETTINGS, id_salt=b"a salt", date=datetime.now(UTC))


def readers(count: int, start: int = 0) -> list[Recipient]:
    return [Recipient(n, f"reader{n}@readers.example", random_token()) for n in range(start, start + count)]


def send(transport: SmtpTransport, mail: Message, recipients: list[Recipient]) -> None:
    """One batch. Raises RuntimeError unless all of it was accepted."""
    record = SendResult(len(recipients))
    transport.send(mail, recipients, record)
    if record.outcomes.count(ACCEPTED) != len(recipients):
        raise RuntimeError("not every message was accepted")


def main() -> None:
    url, start, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    transport, mail = SmtpTransport(url), message()
    recipients = readers(count + 1, start)
    send(transport, mail, recipients[:1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began, cpu = time.monotonic(), time.process_time()
    for place in range(1, len(recipients), BATCH):
        send(transport, mail, recipients[place : place + BATCH])
    took = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}
    transport.close()
    sys.stdout.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main()
