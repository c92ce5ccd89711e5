"""Tests that a process gives large freed blocks back, and that forks leave what they share alone."""

from __future__ import annotations

import ctypes
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

GAPS = """
import ctypes, os, re, sys
from newsletter.core import memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_size_t
libc.free.argtypes = (ctypes.c_size_t,)
blocks = [libc.malloc(400) for _ in range(50_000)]
for block in blocks[::10]:
    libc.free(block)
if sys.argv[1] == "filled":
    memory.fill_gaps()

def own():
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search(r"Private_Dirty: +([0-9]+)", file.read())[1]) * 1024

if os.fork() == 0:
    for _ in range(4_000):
        libc.malloc(400)
    print(own(), flush=True)
    os._exit(0)
os.wait()
"""


def kept(how: str) -> int:
    """Bytes that two hashes of 16 MB leave in a process."""
    found = subprocess.run([sys.executable, "-c", HASHES, how], check=True, capture_output=True, text=True)
    return int(found.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's options")
def test_the_hashes_of_the_start_leave_nothing() -> None:
    assert kept("back") < 4 * MB


def copied(how: str) -> int:
    """Bytes that a fork has of its own once it allocated 1.6 MB, where its parent had left as much in gaps."""
    found = subprocess.run([sys.executable, "-c", GAPS, how], check=True, capture_output=True, text=True)
    return int(found.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc's functions")
def test_a_fork_fills_no_gaps_of_what_it_shares() -> None:
    assert copied("open") > 10 * MB
    assert copied("filled") < 5 * MB
