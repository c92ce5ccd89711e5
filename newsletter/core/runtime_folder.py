"""The path of the embedded queue's socket: a short one, since the kernel takes about 100 characters."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

LONGEST = 90


def socket_path(data_dir: Path) -> Path:
    """The socket of the embedded queue of a data folder.

    It is inside the folder when that path is short enough, else in a folder of the system's temporary folder that is
    named after it. The server makes the folder, private to its user.
    """
    inside = data_dir / "run" / "valkey.sock"
    if len(os.fsencode(inside)) <= LONGEST:
        return inside
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"newsletter-{os.getuid()}-{name}" / "valkey.sock"
