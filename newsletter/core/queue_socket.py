"""The path of the embedded queue's socket: a short one, since the kernel takes about 100 characters."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from newsletter.core.errors import ConfigurationError

LONGEST = 90
"""Bytes of a path: Linux takes 107, macOS 103."""


def socket_path(data_dir: Path) -> Path:
    """The socket of the embedded queue of a data folder.

    It is inside the data folder when that path is short enough. Else it is in a folder under the system's temporary
    one. Other users can write there too, so that folder is made at once, private to this user. Raises
    ConfigurationError when it belongs to another user, who could answer in place of the queue.
    """
    inside = data_dir / "run" / "valkey.sock"
    if len(os.fsencode(inside)) <= LONGEST:
        return inside
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"newsletter-{os.getuid()}-{name}"
    require_private(folder)
    return folder / "valkey.sock"


def require_private(folder: Path) -> None:
    """Make the folder, or raise ConfigurationError when others can enter the one that is there.

    The embedded queue calls it before each of its starts.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:  # a file of that name, or a link that leads nowhere
        raise _refused(folder) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise _refused(folder)


def _refused(folder: Path) -> ConfigurationError:
    return ConfigurationError(
        "queue.folder_not_private",
        "The queue's socket would be in %(folder)s, which is not a folder of this user alone. Remove it, or choose "
        "another DATA_DIR.",
        folder=folder,
    )
