"""Incidents of the database, beside its death: it is silent for a while, or may only be read."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import psycopg

from tests.chaos.scene import Scene, some


def silence_database(scene: Scene) -> str:
    """No answer for a moment: PostgreSQL hangs, or another program has SQLite's lock."""
    pause = some(scene.rng, 0.2, 8.0)
    return f"the database is silent for {pause:.1f} s" if _silence(scene, pause) else "the database is busy"


def stop_worker_in_silence(scene: Scene) -> str:
    """SIGTERM, while the database is silent for longer than a process may take to end."""
    name = scene.rng.choice(scene.service.worker_names)
    if not _silence(scene, 7.0):
        return "the database is busy"
    scene.service.kills += 1  # the message in flight, as with a kill
    _soon(0.5, lambda: scene.service.ask_to_stop(name))
    return f"the database is silent for 7.0 s, and {name} gets SIGTERM"


def clock_meets_read_only(scene: Scene) -> str:
    """A clock starts while the database may only be read, as a standby is until it takes over."""
    if scene.postgres is None:  # root may write to every file
        return silence_database(scene)
    pause = some(scene.rng, 0.5, 4.0)
    try:
        _set_read_only(scene, "on")
    except psycopg.Error:
        return "the database was to be read-only, and was not there"
    scene.service.kill("clock")
    scene.later(pause, lambda: _end_read_only(scene))
    return f"the clock starts anew on a database that is read-only for {pause:.1f} s"


def _silence(scene: Scene, seconds: float) -> bool:
    if scene.postgres is not None:
        scene.postgres.freeze()
        _soon(seconds, scene.postgres.thaw)
        return True
    other = sqlite3.connect(
        scene.folder / "newsletter.sqlite3", timeout=1, isolation_level=None, check_same_thread=False
    )
    try:
        other.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        other.close()
        return False
    _soon(seconds, other.close)
    return True


def _soon(seconds: float, do: Callable[[], object]) -> None:
    """Do it in a thread: what the scene does later would wait for the database that is silent."""
    timer = threading.Timer(seconds, do)
    timer.daemon = True
    timer.start()


def _set_read_only(scene: Scene, switch: str) -> None:
    assert scene.postgres is not None
    with psycopg.connect(scene.postgres.url("postgres"), autocommit=True, connect_timeout=2) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {switch}")
        connection.execute("SELECT pg_reload_conf()")


def _end_read_only(scene: Scene) -> None:
    try:
        _set_read_only(scene, "off")
    except psycopg.Error:
        scene.later(0.5, lambda: _end_read_only(scene))
