"""Tests that a process gives large freed blocks back."""

from __future__ import annotations

import subprocess
import sys

import pytest

HASHES = """
import hashlib, sys, threading
from newsletter.core import memory

if sys.argv[1] == "back":
    memory.give_back_freed_memory()

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def hash_twice():
    for _ in range(2):
        hashlib.scrypt(b"key", salt=b"s" * 16, n=1 << 14, r=8, p=1)

hash_twice_beside = threading.Thread(target=hash_twice)
before = resident()
hash_twice_beside.start()
hash_twice_beside.join()
print(resident() - before)
"""
MB = 1 << 20


def kept(how: str) -> int:
    """Bytes that two hashes of 16 MB leave in a process."""
    found = subprocess.run([sys.executable, "-c", HASHES, how], check=True, capture_output=True, text=True)
    return int(found.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's options")
def test_the_hashes_of_the_start_leave_nothing() -> None:
    assert kept("back") < 4 * MB
