"""What commands print where nothing can be printed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

PRINT = (
    "from newsletter.cli.output import emit; import click; click.command()(lambda: emit([1] * {n}, '', as_json=True))()"
)
FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="the kernel has no /dev/full")
def test_a_full_disk_is_a_sentence() -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-c", PRINT.format(n=1)]
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == f"Error: The output cannot be written: {os.strerror(errno.ENOSPC)}.\n"


def test_a_reader_that_has_gone_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PRINT.format(n=100_000)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
