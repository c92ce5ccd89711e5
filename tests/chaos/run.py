"""One run: a digest is sent through chaos and calm, and judged."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import NamedTuple

from newsletter.core.runtime import runtime
from newsletter.delivery.reports.status import digest_status
from tests.chaos import incidents, restoring, verdict
from tests.chaos.plan import Plan
from tests.chaos.scene import Scene
from tests.chaos.verdict import Verdict

MOST_BEFORE = 3
"""So many times the length of the disturbance it lasts if nothing is frozen."""


class Result(NamedTuple):
    """`folder`: logs and timeline of a run in which something came out wrong, or that was to be kept."""

    plan: Plan
    verdict: Verdict
    seconds: float
    incidents: int
    told: str
    folder: Path | None

    def __str__(self) -> str:
        what = "; ".join(self.verdict.wrong) or "nobody lost"
        if not self.verdict.wrong:
            what += f", {self.verdict.mailed_twice} twice (of {self.verdict.allowed} allowed)"
        return f"{self.plan}: {what}; {self.told}, {self.seconds:.0f} s"


def run(plan: Plan, *, keep: bool = False) -> Result:
    """Send, disturb, settle, count."""
    began = time.monotonic()
    with Scene(plan) as scene:
        count = disturb(scene)
        scene.calm_down()
        found = restoring.restore_and_judge(scene, settle(scene))
        folder = scene.keep_folder() if found.wrong or keep else None
        reports = f", {scene.reports.posted} posts of events" if scene.reports else ""
        told = f"{count} incidents, {scene.editor.settled} doubts settled by an editor{reports}"
        return Result(plan, found, time.monotonic() - began, count, told, folder)


def disturb(scene: Scene) -> int:
    """Incidents, from the moment on in which the digest is due; how many. They end some time after the freezing, which
    they may put off for a while.
    """
    pauses: random.Random = scene.plan.rng("pauses")
    count, end = 0, MOST_BEFORE * scene.plan.seconds
    frozen = False
    while scene.timeline.seconds < end and (state := state_of(scene)) != "sent":
        if not frozen and state != "scheduled":
            frozen, end = True, scene.timeline.seconds + scene.plan.seconds
        scene.pass_time(pauses.expovariate(1 / scene.plan.pause))
        incidents.happen(scene)
        count += 1
    return count


def settle(scene: Scene) -> Verdict:
    """Wait for the end, late events included, and judge."""
    end = time.monotonic() + scene.plan.patience
    wait_until_sent(scene, end)
    if is_sent(scene) and scene.editor.retry_refused():
        wait_until_sent(scene, end)
    scene.timeline.add("the digest is sent" if is_sent(scene) else "the digest is still not sent")
    if scene.reports:
        scene.reports.hurry()
        while scene.reports.open and time.monotonic() < end:
            scene.pass_time(0.2)
    return verdict.judge(scene)


def wait_until_sent(scene: Scene, end: float) -> None:
    while not is_sent(scene) and time.monotonic() < end:
        scene.pass_time(0.2)


def is_sent(scene: Scene) -> bool:
    return state_of(scene) == "sent"


def state_of(scene: Scene) -> str:
    """Of the digest; "scheduled" until it is frozen."""
    with runtime().db.reading() as session:
        return digest_status(session, scene.digest_id).status
