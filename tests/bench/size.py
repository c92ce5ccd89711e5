"""What an installation takes on the disk: the service and every package that it needs, with their compiled modules.

`du` of a new environment without pip and setuptools says the same, to a few per cent.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bench.result import Row, at_most
from tests.services.source import CHECKOUT

NAME = "dispatch-newsletter"
OWN = ("newsletter", "templates", "workers")
"""The folders that the wheel holds."""
LARGEST = 6
"""So many packages are shown by name."""


def measure() -> list[Row]:
    """The whole in MB, and its largest packages."""
    sizes = {name: _size(_files(found)) for name, found in _needed(NAME, set()) if name != NAME}
    own = _size(path for folder in OWN for path in (CHECKOUT / folder).rglob("*"))
    largest = sorted(sizes.items(), key=lambda each: -each[1])[:LARGEST]
    return [
        at_most("installed, without pip and setuptools", (sum(sizes.values()) + own) / 1e6, "MB", 150),
        Row("… of it the service itself", own / 1e6, "MB"),
        *(Row(f"… {name}", size / 1e6, "MB") for name, size in largest),
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


def _files(found: Distribution) -> Iterator[Path]:
    for file in found.files or []:
        path = Path(str(found.locate_file(file)))
        yield path
        if path.suffix == ".py":  # compiled at the first import, and not always listed
            yield from (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")


def _size(paths: Iterator[Path]) -> int:
    """Bytes on the disk, in whole blocks; each file once."""
    return sum(path.stat().st_blocks * 512 for path in {path.resolve() for path in paths} if path.is_file())
