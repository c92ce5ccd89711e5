"""A backup that was made in mid-send is restored when all is over: nobody gets a second mail of it by itself."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from newsletter.core.runtime import runtime
from newsletter.delivery.reports.status import digest_status
from newsletter.digests.models import DigestStatus
from tests.chaos.processes import ChaosService
from tests.chaos.scene import Scene
from tests.chaos.verdict import Verdict

SEEN_WITHIN = 60.0
WATCHED_FOR = 5.0
"""Seconds."""


def make_backup(scene: Scene) -> str:
    """One backup in each run, while the digest is being sent."""
    try:
        if _backup(scene).exists() or _status(scene) != DigestStatus.SENDING:
            return "a backup was not made"
    except DBAPIError:
        return "a backup was to be made, and the database was not there"
    if scene.postgres is None:
        with closing(sqlite3.connect(_file(scene))) as source, closing(sqlite3.connect(_backup(scene))) as target:
            source.backup(target)
    else:
        scene.postgres.save(_backup(scene))
    return "a backup is made"


def restore_and_judge(scene: Scene, found: Verdict) -> Verdict:
    """The verdict, with what a restored backup adds to it."""
    if found.wrong or not _backup(scene).exists():
        return found
    scene.timeline.add("the backup is restored")
    scene.service.supervisor.stop()
    runtime().db.dispose()
    _restore(scene)
    before = scene.provider.arrived().total()
    with ChaosService(scene.settings, workers=scene.plan.workers) as service:
        end = time.monotonic() + SEEN_WITHIN
        while _status(scene) != DigestStatus.PAUSED and time.monotonic() < end:
            service.supervisor.keep()
            time.sleep(0.1)
        time.sleep(WATCHED_FOR)
        status = _status(scene)
    after = scene.provider.arrived().total()
    wrong = [] if status == DigestStatus.PAUSED else [f"after a restore the digest is {status}, and not paused"]
    if after != before:
        wrong.append(f"{after - before} mails went out again after a restore")
    return found._replace(wrong=wrong)


def _restore(scene: Scene) -> None:
    if scene.postgres is None:
        for path in _file(scene).parent.glob(f"{_file(scene).name}*"):
            path.unlink()
        shutil.copy(_backup(scene), _file(scene))
        return
    scene.postgres.restore(_backup(scene))


def _status(scene: Scene) -> str:
    with runtime().db.reading() as session:
        return digest_status(session, scene.digest_id).status


def _file(scene: Scene) -> Path:
    return scene.folder / "newsletter.sqlite3"


def _backup(scene: Scene) -> Path:
    return scene.postgres.folder / "backup" if scene.postgres else scene.folder / "backup"
