"""No regular expression may try the ways to part a line one after the other: a line of forty letters would hold a
process, and each thread of it, for ever.

Each pattern of the program meets repetitions of its own words, with an end that does not fit.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import signal
from collections.abc import Iterator
from itertools import product
from types import FrameType

import pytest

import newsletter

TIMES = 40
"""With two ways for each repetition there are a million million."""
PATIENCE = 60
"""Seconds for all patterns together; they need a half."""
LEFT_OUT = ("newsletter.migrations.", "newsletter.__main__")
_WORDS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9\\\[\]()?*+{}|^$]")
COMMON = ("a", "A", "Aa", "1", " ", "\n", ".", "-", "/", '"')
ENDS = ("", "\0", "x")


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """The patterns of all modules, by their names."""
    for module in pkgutil.walk_packages(newsletter.__path__, "newsletter."):
        if not module.name.startswith(LEFT_OUT):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", value


def attacks(pattern: re.Pattern[str] | re.Pattern[bytes]) -> Iterator[str]:
    """Lines that are made of the pattern's own words, many times one of them."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    words = list(dict.fromkeys(_WORDS.findall(source)))
    for begin, repeated, end in product(("", *words[:3]), (*words, *COMMON), ENDS):
        yield begin + repeated * TIMES + end


def meet(pattern: re.Pattern[str] | re.Pattern[bytes]) -> None:
    """Let a pattern meet its attacks."""
    for line in attacks(pattern):
        text = line.encode() if isinstance(pattern.pattern, bytes) else line
        pattern.fullmatch(text)  # type: ignore[arg-type]
        pattern.search(text)  # type: ignore[arg-type]


def give_up(_signum: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def test_no_pattern_tries_all_ways_to_part_a_line() -> None:
    found = dict(patterns())
    assert len(found) > 100
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        for name, pattern in found.items():
            try:
                meet(pattern)
            except TimeoutError:
                pytest.fail(f"{name} does not come to an end")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
