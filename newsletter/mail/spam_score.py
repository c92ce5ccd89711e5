"""SpamAssassin's opinion of a mail, where the machine has it: its programs are asked, and no service elsewhere.

`spamc` hands the mail to a spamd that runs. Without one `spamassassin -L` reads all rules itself, which takes seconds,
and asks nobody in the network. So no page waits for it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from subprocess import DEVNULL, PIPE
from typing import NamedTuple

TIMEOUT = 15.0
"""Seconds for all programs together."""

_PROGRAMS = (
    ("spamc", "-R", "-x", "--connect-retries=1"),
    ("spamassassin", "-t", "-L", "-x"),
)
_HEAD = "Content analysis details:"
_POINTS = re.compile(r"\s*\((-?[\d.]+) points, ([\d.]+) required\)")
_RULE = re.compile(r"^ *(-?\d+\.\d+) ([A-Z][A-Z0-9_]+) ", re.MULTILINE)


class SpamScore(NamedTuple):
    """The points of a mail."""

    points: float
    required: float
    """From so many on it is called spam."""
    rules: tuple[str, ...]
    """The names of the rules that gave it points, those with the most first."""


def can_score() -> bool:
    """Whether the machine has one of the programs."""
    return any(shutil.which(program) for program, *_ in _PROGRAMS)


def spam_score(mail: bytes, seconds: float = TIMEOUT) -> SpamScore | None:
    """The score of a mail in wire form; None without a program, an answer in time, or one that can be read."""
    ends = time.monotonic() + seconds
    for program, *options in _PROGRAMS:
        path = shutil.which(program)
        if path is not None and (found := _read(_run([path, *options], mail, ends - time.monotonic()))):
            return found
    return None


def _run(command: list[str], mail: bytes, seconds: float) -> str:
    """The output of a program; empty when it does not end in time. It gets no settings of ours, and an empty home."""
    with tempfile.TemporaryDirectory(prefix="spam-score-") as home:
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": home, "LC_ALL": "C.UTF-8"}
        try:
            process = subprocess.Popen(
                command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environ, cwd=home, start_new_session=True
            )
        except OSError:
            return ""
        with process:
            try:
                output, _ = process.communicate(mail, timeout=max(seconds, 0.1))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with what it started, which holds the pipes open
                return ""
    return output.decode("utf-8", "replace")


def _read(output: str) -> SpamScore | None:
    """The score in a report. It stands at the end: the mail before it may hold anything."""
    report = output.rpartition(_HEAD)[2]
    found = _POINTS.match(report)
    if found is None:
        return None
    rules = sorted(((float(points), name) for points, name in _RULE.findall(report)), reverse=True)
    return SpamScore(float(found[1]), float(found[2]), tuple(name for points, name in rules if points > 0))
