"""Keys that a single machine makes for itself and keeps in its data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from newsletter.core.errors import ConfigurationError


def kept_key(path: Path) -> str:
    """The key in a file that only its owner reads, made at first use; two processes agree on one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise _unusable(path, error.strerror) from error
    except ValueError:
        raise _unusable(path, "it is no text") from None


def _make_key(path: Path) -> None:
    own = path.with_name(f".{path.name}.{os.getpid()}")
    own.touch(mode=0o600)
    try:
        own.write_text(secrets.token_urlsafe(32))
        os.link(own, path)  # fails if another process was first: then its key counts
    except FileExistsError:
        pass
    finally:
        own.unlink()


def _unusable(path: Path, reason: str | None) -> ConfigurationError:
    return ConfigurationError(
        "setting.data_dir", "DATA_DIR cannot be used: %(path)s: %(reason)s.", path=path, reason=reason
    )
