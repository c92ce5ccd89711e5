"""Files of others are as they came: their SHA-256 is that of npm's package, whose version package-lock.json pins."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from newsletter.web import assets
from tests.services.source import CHECKOUT

PACKAGES = CHECKOUT / "node_modules"
PATHS = {"sortable.js": ("sortablejs", "Sortable.min.js")}
"""By the name that pages use: the package, and the file in it."""
LICENCES = {"sortable.js": ("MIT", "MIT License")}
"""As package-lock.json has it, and the words that the licence begins with."""
MOST_SCRIPT = 60_000
"""Bytes of all scripts of the desk together, compressed."""


def folder_of(name: str) -> Path:
    return (assets.FOLDER / assets.VENDORED[name]).parent


@pytest.mark.parametrize("name", assets.VENDORED)
def test_version_and_licence_stand_beside_it(name: str) -> None:
    package, _ = PATHS[name]
    locked = json.loads((CHECKOUT / "package-lock.json").read_text())["packages"][f"node_modules/{package}"]
    assert folder_of(name).name.endswith(f"-{locked['version']}")
    in_short, beginning = LICENCES[name]
    assert locked["license"] == in_short
    assert (folder_of(name) / "LICENSE").read_text().startswith(beginning)


@pytest.mark.parametrize("name", assets.VENDORED)
def test_it_is_the_file_of_the_package(name: str) -> None:
    package, path = PATHS[name]
    if not (PACKAGES / package).is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("npm's packages are missing: npm ci --ignore-scripts")
        pytest.skip("npm's packages are missing: npm ci --ignore-scripts")
    ours, theirs = ((assets.FOLDER / assets.VENDORED[name]).read_bytes(), (PACKAGES / package / path).read_bytes())
    assert hashlib.sha256(ours).hexdigest() == hashlib.sha256(theirs).hexdigest()


def test_all_scripts_together_are_small() -> None:
    scripts = [name for name, kind in assets.TYPES.items() if kind == "text/javascript"]
    sizes = {
        name: len(gzip.compress((assets.FOLDER / assets.VENDORED.get(name, name)).read_bytes())) for name in scripts
    }
    assert sum(sizes.values()) < MOST_SCRIPT, sizes
