"""Memory that goes back to the system, and memory that forks share.

glibc keeps large blocks that were freed for the next one of their size: the two hashes of `key_fingerprints` alone left
16 MB in a process that never needs them again (measured). A fixed threshold gives such blocks back when they are freed.

It fills the gaps between what is loaded before it takes new pages. In a fork each gap lies in a page that is shared
until then: SQLite reads a structure of 0.2 MB into 3.5 MB of copied pages (measured). So the gaps are taken before.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3
"""Options of mallopt(3)."""
LARGE_BLOCK = 256 * 1024
"""Bytes from which a block is a mapping of its own."""
MOST_ARENAS = 2
"""Heaps that threads share. Each thread that waits for a request would keep one of its own else."""
LARGEST_GAP = 32 * 1024
"""Bytes. Larger ones are taken in pieces: malloc_trim(3) has given the pages inside them back."""
_STEP, _HEADER = 16, 8
"""Bytes: blocks of glibc's malloc are multiples of a step, and begin with a header."""


def give_back_freed_memory() -> None:
    """Set this process's allocator. Does nothing where the system's C library has no such options."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(_M_ARENA_MAX, MOST_ARENAS)


class _Usage(ctypes.Structure):
    """The result of mallinfo2(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks"),
            "keepcost",  # the free bytes at the heap's end
        )
    ]


def fill_gaps() -> None:
    """Take every gap between what is loaded, so that forks made from now on allocate pages of their own. Takes 3 ms.

    Call it in the main thread. Does nothing where the system's C library has no such functions.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallinfo2.restype = _Usage
        libc.malloc.argtypes, libc.malloc.restype = (ctypes.c_size_t,), ctypes.c_size_t
        libc.free.argtypes, libc.sbrk.restype = (ctypes.c_size_t,), ctypes.c_size_t
        libc.malloc_trim(0)
        end = libc.sbrk(0) - libc.mallinfo2().keepcost
        for size in range(LARGEST_GAP, 0, -_STEP):
            while 0 < (block := libc.malloc(size - _HEADER)) < end:
                pass  # it was a gap, and stays taken
            libc.free(block)


@contextmanager
def loading() -> Iterator[None]:
    """No garbage collections meanwhile: they are a sixth of the time that modules take (measured), and what is loaded
    stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
