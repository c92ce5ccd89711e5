"""What an installation takes on the disk: the service and every package that it needs, with their compiled modules,
their metadata and their directories.

In MiB, as `du -sm` says it of a new environment without pip and setuptools, in which pip installed the service's wheel.
The two agree to within 1 MiB. The packages that build the wheel are in requirements.lock too; an installation does
without them.
"""

from __future__ import annotations

import compileall
import shutil
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bench.result import Row, at_most
from tests.services.source import CHECKOUT

NAME = "dispatch-newsletter"
OWN = ("newsletter", "templates", "workers")
"""The folders that the wheel holds."""
LARGEST = 6
"""So many packages are shown by name."""
MIB = 1024 * 1024


def measure() -> list[Row]:
    """The whole, and its largest packages."""
    sizes = {name: _size_of_package(found) for name, found in _needed(NAME, set()) if name != NAME}
    own = _own_size()
    largest = sorted(sizes.items(), key=lambda each: -each[1])[:LARGEST]
    return [
        at_most("installed, without pip and setuptools", (sum(sizes.values()) + own) / MIB, "MiB", 150),
        Row("… of it the service itself", own / MIB, "MiB"),
        *(Row(f"… {name}", size / MIB, "MiB") for name, size in largest),
    ]


def _needed(name: str, seen: set[str]) -> Iterator[tuple[str, Distribution]]:
    """A package, and those that it needs on this machine."""
    seen.add(canonicalize_name(name))
    found = distribution(name)
    yield name, found
    for text in found.requires or []:
        needed = Requirement(text)
        extras = {"", *(("binary",) if name == "psycopg" else ())}
        applies = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
        if applies and canonicalize_name(needed.name) not in seen:
            yield from _needed(needed.name, seen)


def _size_of_package(found: Distribution) -> int:
    """Files, and the directories that are the package's own."""
    shared, files = Path(str(found.locate_file(""))).resolve(), {path.resolve() for path in _files(found)}
    directories = {parent for path in files for parent in path.parents if shared in parent.parents}
    return _size(files | directories)


def _files(found: Distribution) -> Iterator[Path]:
    for file in found.files or []:
        path = Path(str(found.locate_file(file)))
        yield path
        if path.suffix == ".py":  # compiled at the first import, and not always listed
            yield Path(cache_from_source(str(path)))


def _own_size() -> int:
    """The service as it is installed: a checkout has compiled only those of its modules that were used."""
    with TemporaryDirectory() as name:
        place = Path(name)
        for folder in OWN:
            shutil.copytree(CHECKOUT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(place, quiet=1)
        return _size(place.rglob("*"))


def _size(paths: Iterable[Path]) -> int:
    """Bytes on the disk, in whole blocks."""
    return sum(path.stat().st_blocks * 512 for path in paths if path.exists())
