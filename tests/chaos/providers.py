"""The receiving side: what arrived is counted here, and this is the truth that everything else is held against."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from newsletter.core.config import Settings
from tests.chaos.wire import Wire
from tests.services import sendgrid_exchange as does
from tests.services.sendgrid_standin import KEY, SendGridStandIn
from tests.services.smtp_sink import SmtpSink
from tests.services.smtp_sink_conversation import Say


class Provider(Protocol):
    """A provider behind a wire. Started by `with`."""

    wire: Wire
    once_each: bool
    """Whether it promises that nobody is mailed twice, whatever happens."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def settings(self, settings: Settings) -> Settings:
        """`settings` with this provider as the way out."""

    def misbehave(self, rng: random.Random) -> str:
        """Do something wrong with what comes next; in words, what."""

    def calm_down(self) -> None:
        """Forget what was still to be done wrong."""

    def took(self, batch: int, attempt: int) -> bool:
        """Whether it took a batch at an attempt: what an editor finds in the provider's activity."""

    def needs_person(self, note: str) -> bool:
        """Whether it did what only a person can mend, as the note of a paused digest says."""

    def mend(self) -> None:
        """A person has done what was needed."""

    def arrived(self) -> Counter[str]:
        """How often each address was mailed."""

    def lost_answers(self) -> int:
        """Messages that may have been taken though nobody heard of it, by the provider's or the wire's fault."""

    def different_copies(self) -> int:
        """Readers who got mails of this digest under more than one Message-ID."""


class SendGrid:
    """SendGrid's stand-in."""

    once_each = True

    def __init__(self, rng: random.Random) -> None:
        self.standin = SendGridStandIn()
        self.wire = Wire(_port(self.standin.url), rng, asked=300_000, answered=120)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.standin)
        self._stack.enter_context(self.wire)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settings(self, settings: Settings) -> Settings:
        host = f"http://127.0.0.1:{self.wire.port}"
        return replace(settings, mail_transport="sendgrid", sendgrid_api_key=KEY, sendgrid_host=host)

    def misbehave(self, rng: random.Random) -> str:
        name, behaviour = rng.choice(_SENDGRID)
        times = rng.randint(1, 4)
        self.standin.script(*[behaviour(rng)] * times)
        return f"SendGrid {name}, {times} times"

    def calm_down(self) -> None:
        self.standin.forget_script()

    def took(self, batch: int, attempt: int) -> bool:
        names = [document["custom_args"] for document in list(self.standin.requests)]
        return (str(batch), str(attempt)) in [(each["batch"], each["attempt"]) for each in names]

    def needs_person(self, note: str) -> bool:
        return "refused the API key" in note

    def mend(self) -> None:
        """The script ends by itself."""

    def arrived(self) -> Counter[str]:
        return self.standin.counts.copy()

    def lost_answers(self) -> int:
        return 0

    def different_copies(self) -> int:
        return 0

    def documents(self) -> list[dict[str, Any]]:
        """The requests that were taken, oldest first."""
        return self.standin.requests


_SENDGRID: tuple[tuple[str, Callable[[random.Random], does.Behaviour]], ...] = (
    ("asks to wait (429)", lambda rng: does.status(429, headers={"Retry-After": str(rng.randint(1, 2))})),
    ("is out of service (503)", lambda rng: does.status(503)),
    ("fails (500)", lambda rng: does.status(500)),
    ("takes it and fails (502)", lambda rng: taken_and(502)),
    ("refuses the key (401)", lambda rng: does.status(401)),
    ("answers late", lambda rng: does.slow(rng.uniform(0.5, 2.0))),
    ("names nothing in its 202", lambda rng: does.unnamed),
    ("takes it and never answers", lambda rng: does.taken_and_silent),
    ("takes it and resets", lambda rng: does.taken_and_reset),
    ("takes it and stops in the middle of its answer", lambda rng: does.taken_and_cut),
    ("resets before it has read", lambda rng: does.reset_unread),
    ("reads and never answers", lambda rng: does.silent),
    ("drips", lambda rng: does.drip(b"HTTP/1.1 202 Accepted\r\n")),
)


def taken_and(code: int) -> does.Behaviour:
    """Take it, and answer with an error of some box in between."""

    def behave(exchange: does.Exchange) -> None:
        exchange.take()
        exchange.answer(code, {}, b"")

    return behave


class Smtp:
    """The mail server's stand-in."""

    once_each = False

    def __init__(self, rng: random.Random) -> None:
        self.sink = SmtpSink(keep_counts_only=True)
        self.wire = Wire(_port(self.sink.url), rng, asked=5_000_000, answered=20_000)
        self._lost = 0
        self._looks = 0
        """How often a person must look before it takes mail again."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.sink)
        self._stack.enter_context(self.wire)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settings(self, settings: Settings) -> Settings:
        url = f"smtp://127.0.0.1:{self.wire.port}?starttls=never"
        return replace(settings, mail_transport="smtp", smtp_url=url)

    def misbehave(self, rng: random.Random) -> str:
        if rng.random() < 0.25:
            return self._change_habits(rng)
        name, verb, step, loses = rng.choice(_SMTP)
        times = rng.randint(1, 3)
        # Somewhere among the next messages, not always at the first.
        usual = [None] * rng.choice([0, 0, rng.randrange(50)]) if verb else []
        self.sink.script[verb].extend([*usual, *[step] * times])
        self._lost += times if loses else 0
        return f"the mail server {name}, {times} times"

    def _change_habits(self, rng: random.Random) -> str:
        """Something that lasts: until a person acts, or until the calm."""
        habit = rng.choice(["list", "crash", "fifty"])
        if habit == "list":
            self.sink.usual_rcpt, self._looks = "550 5.7.1 Your host is on our block list", rng.randint(1, 5)
            return f"the mail server refuses everybody until somebody has looked {self._looks} times"
        if habit == "crash":
            self.sink.crashes_at = {f"r{rng.randrange(100)}@readers.example"}
            return f"the mail server crashes at {self.sink.crashes_at}"
        self.sink.most_messages = 50
        return "the mail server closes after each 50 messages"

    def mend(self) -> None:
        self._looks -= 1
        if self._looks <= 0:
            self.sink.usual_rcpt = "250 OK"

    def calm_down(self) -> None:
        for steps in list(self.sink.script.values()):
            steps.clear()
        self.sink.usual_rcpt, self.sink.crashes_at, self.sink.most_messages = "250 OK", set(), None

    def took(self, batch: int, attempt: int) -> bool:
        """Three messages to one reader without an answer: by the script, each of them was taken."""
        return True

    def needs_person(self, note: str) -> bool:
        return any(words in note for words in ("block list", "connections in a row", "ends each connection"))

    def arrived(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (address, _), count in self.sink.counts.copy().items():
            found[address] += count
        return found

    def lost_answers(self) -> int:
        return self._lost + len(self.wire.struck)

    def different_copies(self) -> int:
        copies = Counter(address for address, _ in self.sink.counts)
        return sum(1 for count in copies.values() if count > 1)


_SMTP: tuple[tuple[str, str, str | Say, bool], ...] = (
    ("does not want to talk", "", "554 Not now", False),
    ("closes as it greets", "", Say("220 sink.example", cut=9), False),
    ("goes away (421)", "MAIL", "421 Shutting down", False),
    ("has trouble (451)", "MAIL", "451 Later, please", False),
    ("closes at MAIL", "MAIL", Say("250 OK", cut=0), False),
    ("closes at RCPT", "RCPT", Say("250 OK", cut=3), False),
    ("closes at DATA", "DATA", Say("354 Go on", cut=0), False),
    ("goes away instead of taking a message (421)", ".", "421 Shutting down", False),
    ("takes a message and closes", ".", Say("250 OK", cut=0), True),
    ("takes a message and closes in the middle of its answer", ".", Say("250 OK", cut=2), True),
    ("refuses everybody (550 5.7.1)", "RCPT", "550 5.7.1 Your host is on our block list", False),
    ("takes a message and is longer over it than we wait", ".", Say("250 OK", pause=8.0), True),
    ("takes a message and drips", ".", Say("250 OK, and many words", drip=0.5), True),
)


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
