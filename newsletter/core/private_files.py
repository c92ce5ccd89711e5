"""Files that the service's own user alone may read: they hold addresses, tokens and keys."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

UMASK = 0o077

WRITTEN = (
    *("newsletter.sqlite3*", "secret_key.txt", "suppression_key.txt", "tick*", "demo"),
    *("valkey", "run", "mail", "log", "progress"),
)
"""Files in DATA_DIR of versions before the umask. Later versions write none that has to be mended."""


def write_privately() -> None:
    """Have this process and its children make files for their user alone, whatever the shell's umask is."""
    os.umask(UMASK)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that others find as a whole or not at all, in a folder that is made. Raises OSError when it cannot
    be written; then nothing is left of it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def mend(data_dir: Path) -> int:
    """Take the rights of others off what the service wrote; returns how many files and folders they had."""
    mended = sum(_mend_one(path) for path in _written(data_dir))
    if mended:
        log.warning("%d files and folders in DATA_DIR could be read by others, and no longer can", mended)
    return mended


def _written(data_dir: Path) -> Iterator[Path]:
    yield data_dir
    for pattern in WRITTEN:
        for path in data_dir.glob(pattern):
            yield path
            for folder, folders, files in os.walk(path) if not path.is_symlink() else ():
                yield from (Path(folder, name) for name in (*folders, *files))


def _mend_one(path: Path) -> bool:
    """Whether there was something to mend. Another user's file stays as it is, and so does what a link leads to."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid != os.getuid() or not found.st_mode & UMASK:
            return False
        path.chmod(stat.S_IMODE(found.st_mode) & ~UMASK)
    except FileNotFoundError:  # it has just been moved or deleted
        return False
    return True
