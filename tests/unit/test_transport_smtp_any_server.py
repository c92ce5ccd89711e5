"""Whatever a server says or leaves out, at whatever point it hangs up: what the record says is what the server has."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.mail.encoding import encode
from newsletter.mail.outcomes import ACCEPTED, DEFERRED, REFUSED, WAITING, SendResult
from newsletter.mail.transports.errors import InDoubtError, TransportError
from newsletter.mail.transports.smtp import SmtpTransport
from tests.contract.test_transports import message, readers
from tests.services.smtp_sink import SmtpSink
from tests.services.smtp_sink_conversation import Say

VERBS = ("MAIL", "RCPT", "DATA", ".", "RSET", "EHLO", "")
READERS = readers(5)
MAILS = {reader.address: encode(message()).render(reader) for reader in READERS}
KEYS = {reader.address: message().message_id(reader) for reader in READERS}

YES = ["250 OK", "250-one\n250 two", "354 Go", "220 Hello"]
NO = ["451 Later", "550 No", "550-No,\n550 never", "421 Bye", "what?"]
texts = st.sampled_from(YES + NO)
steps = st.one_of(
    st.none(), st.none(), texts, st.builds(Say, texts, cut=st.integers(0, 12), drip=st.just(0.0), pause=st.just(0.0))
)


@dataclass
class Script:
    """The steps of a server, in the order in which it is asked."""

    answers: dict[str, list[str | Say | None]] = field(default_factory=dict)
    cuts: list[int | None] = field(default_factory=list)
    stops: set[int] = field(default_factory=set)
    """At which of its questions the sender is told to stop."""


scripts = st.builds(
    Script,
    st.dictionaries(st.sampled_from(VERBS), st.lists(steps, max_size=8)),
    st.lists(st.one_of(st.none(), st.integers(0, 3000)), max_size=4),
    st.sets(st.integers(0, 7), max_size=1),
)


@pytest.mark.parametrize("extensions", [("PIPELINING", "SMTPUTF8"), ()], ids=["in groups", "one by one"])
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts)
def test_the_record_says_what_the_server_has(extensions: tuple[str, ...], script: Script) -> None:
    with SmtpSink(extensions=extensions) as sink:
        for verb, answers in script.answers.items():
            sink.script[verb].extend(answers)
        sink.cuts.extend(script.cuts)
        record, doubt = _send(sink.url, script.stops)
    _check(sink, record, doubt)


def _send(url: str, stops: set[int]) -> tuple[SendResult, int | None]:
    """The record after one call, and whose mail is in doubt."""
    questions = iter(range(1000))
    record = SendResult(len(READERS), may_continue=lambda: next(questions) not in stops)
    transport = SmtpTransport(url, timeout=60, deadline=240)
    try:
        transport.send(message(), READERS, record)
    except InDoubtError:
        return record, record.waiting()[0]
    except TransportError:
        return record, None
    finally:
        transport.close()
    return record, None


def _check(sink: SmtpSink, record: SendResult, doubt: int | None) -> None:
    for index, (reader, outcome) in enumerate(zip(READERS, record.outcomes, strict=True)):
        taken = sink.counts[reader.address, KEYS[reader.address]]
        if index == doubt:
            assert taken in (0, 1)
        else:
            assert taken == (outcome == ACCEPTED)
        assert outcome in (ACCEPTED, DEFERRED, REFUSED, WAITING)
        assert (index in record.reasons) == (outcome in (DEFERRED, REFUSED))
    assert [mail for mail in sink.mails if mail.content != MAILS[mail.recipient]] == []
    assert sink.counts.total() == len(sink.mails)
    assert sink.most_unanswered <= 1
