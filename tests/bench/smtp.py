"""SMTP: messages of 40 kB over two connections, against postfix's own tools and against `smtplib`.

postfix's `smtp-sink` is slower than we are, so there the measure is what postfix's `smtp-source` reaches; how fast we
are ourselves shows against sinks of our own.
"""

from __future__ import annotations

import json
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from newsletter.mail.dkim import DkimSigner
from newsletter.mail.encoding import Encoded, encode
from newsletter.mail.message import Recipient
from newsletter.mail.transports.smtp import SmtpTransport
from tests.bench.rendering import timed
from tests.bench.result import Row, at_least
from tests.bench.smtp_worker import message, readers, send

WORKERS = 2
ROUNDS = 3
"""Both sides of a comparison take turns, since other things happen on a machine."""


def measure(messages: int) -> list[Row]:
    """`messages` (20,000) to our own sink; to postfix's, a fifth in each round."""
    return [*_against_postfix(messages // 5), *_against_our_own(messages), *_dkim()]


def _against_postfix(messages: int) -> list[Row]:
    sink, source = _postfix("smtp-sink"), _postfix("smtp-source")
    if sink is None or source is None:
        return [Row("smtp-sink and smtp-source are not there (apt install postfix)", 0, "")]
    ours = theirs = 0.0
    with _smtp_sink(sink) as port:
        for _ in range(ROUNDS):
            theirs += _smtp_source(source, port, messages)
            ours += _workers([f"smtp://127.0.0.1:{port}"] * WORKERS, messages)[0]
        our_cpu, smtplib_cpu = _cpu_of_a_message(port)
    total = ROUNDS * messages
    return [
        Row("Postfix's smtp-sink, from smtp-source, 2 connections", total / theirs, "messages/s"),
        Row("Postfix's smtp-sink, from 2 workers", total / ours, "messages/s"),
        at_least("Of smtp-source's rate", theirs / ours, "×", 0.8),
        Row("CPU of a message with smtplib.sendmail", smtplib_cpu * 1e6, "µs"),
        Row("CPU of a message, rendering included", our_cpu * 1e6, "µs"),
        at_least("Times less", smtplib_cpu / our_cpu, "×", 6),
    ]


def _against_our_own(messages: int) -> list[Row]:
    """The best of some rounds: whatever else happens on the machine makes it slower only."""
    rounds = [_round_against_our_own(messages) for _ in range(ROUNDS)]
    seconds, cpu, cpu_of_sinks = min(rounds)
    rate_of_smtplib = max(_rate_of_smtplib() for _ in range(ROUNDS))
    return [
        Row("Sinks that keep up, from one smtplib client", rate_of_smtplib, "messages/s"),
        Row("… from 2 workers", messages / seconds, "messages/s"),
        at_least("Times the rate of smtplib", messages / seconds / rate_of_smtplib, "×", 2),
        Row("CPU of a message", cpu / messages * 1e6, "µs"),
        Row("CPU of those sinks for a message", cpu_of_sinks / messages * 1e6, "µs"),
    ]


def _round_against_our_own(messages: int) -> tuple[float, float, float]:
    """Seconds, CPU seconds of the workers, CPU seconds of the sinks; each worker has one of its own.

    Raises RuntimeError unless everyone got exactly one mail, and never more than one of a worker's had no answer.
    """
    counts = []
    with ExitStack() as stack:
        sinks = [stack.enter_context(_our_sink()) for _ in range(WORKERS)]
        seconds, cpu = _workers([url for url, _, _ in sinks], messages)
        for _, process, said in sinks:
            process.terminate()
            counts.append(json.loads(said.readline()))
    share = messages // WORKERS + 1
    if any((each["mails"], each["different"], each["most_unanswered"]) != (share, share, 1) for each in counts):
        raise RuntimeError(f"not everyone got exactly one mail, one after the other: {counts}")
    return seconds, cpu, sum(each["cpu_seconds"] for each in counts)


def _rate_of_smtplib(count: int = 500) -> float:
    """Messages a second from `smtplib`, which were made before, to a sink of our own."""
    mail, recipients = message(), readers(count)
    contents = [encode(mail).render(recipient) for recipient in recipients]
    with _our_sink() as (url, process, said):
        client = smtplib.SMTP("127.0.0.1", int(url.rsplit(":", 1)[1]))
        began = time.monotonic()
        for recipient, content in zip(recipients, contents, strict=True):
            client.sendmail(mail.sender, [recipient.address], content)
        seconds = time.monotonic() - began
        client.quit()
        process.terminate()
        said.readline()
    return count / seconds


@contextmanager
def _our_sink() -> Iterator[tuple[str, subprocess.Popen[str], IO[str]]]:
    command = [sys.executable, "-m", "tests.services.smtp_sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process, process.stdout
        finally:
            process.terminate()


def _workers(urls: list[str], messages: int) -> tuple[float, float]:
    """Seconds until the last of the workers was done, and CPU seconds of all; one worker for each URL."""
    share = messages // len(urls)
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(url, number * (share + 1), share)) for number, url in enumerate(urls)]
        for _, said in workers:
            said.readline()
        for heard, _ in workers:
            heard.write("go\n")
            heard.flush()
        took = [json.loads(said.readline()) for _, said in workers]
    return max(each["seconds"] for each in took), sum(each["cpu"] for each in took)


@contextmanager
def _worker(url: str, start: int, count: int) -> Iterator[tuple[IO[str], IO[str]]]:
    """A worker's standard input and output."""
    command = [sys.executable, "-m", "tests.bench.smtp_worker", url, str(start), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout


def _smtp_source(program: str, port: int, messages: int) -> float:
    """Seconds that postfix's own client takes for as many messages of that size over as many connections."""
    size = len(encode(message()).render(readers(1)[0]))
    command = [program, "-s", str(WORKERS), "-l", str(size), "-m", str(messages), f"127.0.0.1:{port}"]
    began = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - began


def _cpu_of_a_message(port: int, batches: int = 4, size: int = 1000) -> tuple[float, float]:
    """CPU seconds with our transport and with smtplib, whose messages were made before."""
    mail, recipients = message(), readers(size)
    contents = [encode(mail).render(recipient) for recipient in recipients]
    transport, client = SmtpTransport(f"smtp://127.0.0.1:{port}"), smtplib.SMTP("127.0.0.1", port)
    ours = theirs = 0.0
    for _ in range(batches):
        began = time.process_time()
        for recipient, content in zip(recipients, contents, strict=True):
            client.sendmail(mail.sender, [recipient.address], content)
        between = time.process_time()
        send(transport, mail, recipients)
        ours += time.process_time() - between
        theirs += between - began
    transport.close()
    client.quit()
    return ours / (batches * size), theirs / (batches * size)


def _dkim() -> list[Row]:
    """What a signature adds to a message."""
    mail, (reader,) = message(), readers(1)
    plain = _seconds_of_a_mail(encode(mail), reader)
    keys: list[tuple[str, PrivateKeyTypes]] = [
        ("RSA, 2048 bits", rsa.generate_private_key(65537, 2048)),
        ("Ed25519", ed25519.Ed25519PrivateKey.generate()),
    ]
    rows = []
    for name, key in keys:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        signed = DkimSigner("dispatch.example", "letters", pem).encode(mail)
        rows.append(Row(f"A DKIM signature, {name}", (_seconds_of_a_mail(signed, reader) - plain) * 1e6, "µs"))
    return rows


def _seconds_of_a_mail(encoded: Encoded, reader: Recipient) -> float:
    return timed(lambda: encoded.pieces(reader), 1000)


@contextmanager
def _smtp_sink(program: str) -> Iterator[int]:
    """Postfix's server that throws everything away, on a port of its own; postfix itself is not started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *as_nobody, f"127.0.0.1:{port}", "1000"])
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _postfix(program: str) -> str | None:
    """The path of a tool of postfix's; where apt may, the package is installed."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if shutil.which(program, path=path) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stderr.write("Installing postfix for its smtp-sink (once) …\n")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", "postfix"]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, check=False, stdout=subprocess.DEVNULL)
    return shutil.which(program, path=path)
