"""Looks for texts in a file, in a process of its own.

A process that has an SQLite database open must not open and close its file: that would drop SQLite's locks
(https://www.sqlite.org/howtocorrupt.html, 2.2). As a script this module takes the file's name, and the texts as a JSON
list on stdin; it exits with 1 when the file holds one of them.
"""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path


def contains_any(path: Path, texts: Collection[str]) -> bool:
    """Whether the file holds one of `texts`, as it is or as JSON writes it."""
    command = [sys.executable, "-I", __file__, str(path)]
    found = subprocess.run(command, input=json.dumps(list(texts)), text=True, check=False).returncode
    if found not in (0, 1):
        raise OSError(f"{path} cannot be searched")
    return found == 1


def _main() -> int:
    texts = json.load(sys.stdin)
    wanted = {text.encode() for text in texts} | {json.dumps(text)[1:-1].encode() for text in texts}
    with Path(sys.argv[1]).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return int(any(content.find(text) >= 0 for text in wanted))


if __name__ == "__main__":
    sys.exit(_main())
