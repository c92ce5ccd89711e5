"""Where sockets live: a short path, since the kernel takes about 100 characters for the name of a socket."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

LONGEST = 90


def socket_path(data_dir: Path) -> Path:
    """The embedded queue's socket for this data folder: inside it when the path is short, else in a folder under
    the system's temporary folder that is named after it. The folder is made, private to its user, by who listens.
    """
    inside = data_dir / "run" / "valkey.sock"
    if len(os.fsencode(inside)) <= LONGEST:
        return inside
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"newsletter-{os.getuid()}-{name}" / "valkey.sock"
