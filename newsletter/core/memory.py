"""Memory that goes back to the system.

glibc keeps large blocks that were freed for the next one of their size: the two hashes of `key_fingerprints` alone left
16 MB in a process that never needs them again (measured). A fixed threshold gives such blocks back when they are freed.
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


def give_back_freed_memory() -> None:
    """Set this process's allocator. Does nothing where the system's C library has no such options."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(_M_ARENA_MAX, MOST_ARENAS)


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
