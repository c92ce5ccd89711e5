"""Versions of what a page shows, by which polls are answered (`live_parts`)."""

from __future__ import annotations

import hashlib

import orjson


def version_of(*shown: object) -> str:
    """Another one for each other content of values: the same in each process, and quick for a thousand batches."""
    content = orjson.dumps(shown, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(content, digest_size=9).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"a page shows no {type(value).__name__}")
