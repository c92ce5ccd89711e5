"""Share images on disk: each is drawn once.

A file's name has the revision and a hash of the drawing, so another name of the publication or another design makes
another file. The folder belongs to one machine: each of several draws its own.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from newsletter.articles.share_image.drawing import png
from newsletter.core import private_files

FOLDER = "share-images"
"""In DATA_DIR."""
MOST_FILES = 2000
"""About 60 MB. With more, those that were drawn first are drawn again when somebody asks."""


class StoredImages:
    """The images in a folder, which is made when the first is stored."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    def image(self, revision_id: int, drawing: str) -> bytes:
        """The PNG of a revision's drawing."""
        path = self._folder / f"{revision_id}-{_hash(drawing)}.png"
        try:
            return path.read_bytes()
        except OSError:
            image = png(drawing)
            self._store(path, image)
            return image

    def _store(self, path: Path, image: bytes) -> None:
        """Write a file as a whole, for our own user alone; on a full disk nothing is stored."""
        with suppress(OSError):
            private_files.write_atomically(path, image)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        with os.scandir(self._folder) as found:
            files = sorted((entry.stat().st_mtime, entry.path) for entry in found)
        for _when, path in files[: max(0, len(files) - MOST_FILES)]:
            Path(path).unlink(missing_ok=True)


def _hash(drawing: str) -> str:
    return hashlib.blake2b(drawing.encode(), digest_size=12).hexdigest()
