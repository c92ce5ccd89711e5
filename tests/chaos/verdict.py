"""Counting at the end, where mail arrived: nobody lost, nobody twice, and a ledger that says what is true."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import undefer

from newsletter.core.runtime import runtime
from newsletter.delivery.ledger import packing
from newsletter.delivery.ledger.models import Batch
from newsletter.mail.outcomes import ACCEPTED, MOVED, SKIPPED
from newsletter.subscribers.models import Subscriber
from tests.chaos.scene import Scene
from tests.services.processes import environment_of

PARTS = ("accepted", "refused", "skipped", "in_doubt", "waiting", "unanswered", "deferred", "cancelled")


class Verdict(NamedTuple):
    """`wrong`: what must not be, in words; empty when all is well."""

    wrong: list[str]
    mailed_twice: int
    """Readers who got a second copy."""
    allowed: int
    """How many that may be: by SMTP one for each kill of a worker and for each answer that was lost."""


def judge(scene: Scene) -> Verdict:
    """Look at what arrived, at the ledger, and at what `digests status` says."""
    arrived = scene.provider.arrived()
    twice = arrived.total() - len(arrived)
    allowed = 0 if scene.provider.once_each else scene.service.kills + scene.provider.lost_answers()
    outcomes = _outcomes(scene)
    wrong = [*_ledger(scene, arrived, outcomes), *_status(scene, arrived, len(outcomes)), *_logs(scene)]
    wrong += [f"the digest paused itself though nobody had to do anything: {note}" for note in scene.editor.needless]
    if twice > allowed:
        wrong.append(f"{twice} second copies, where at most {allowed} may be")
    if different := scene.provider.different_copies():
        wrong.append(f"{different} readers got copies under different Message-IDs")
    return Verdict(wrong, twice, allowed)


def _ledger(scene: Scene, arrived: Counter[str], outcomes: dict[str, int]) -> list[str]:
    """Compare ledger and mailboxes for each reader. Readers who unsubscribed on the way may have got it or not; those
    who unsubscribed before the freeze are not in the ledger.
    """
    everyone = {f"r{number}@readers.example" for number in range(scene.plan.readers)}
    stayed = {address: outcome for address, outcome in outcomes.items() if address not in scene.left}
    unmailed = {address for address, outcome in stayed.items() if outcome == ACCEPTED and not arrived[address]}
    untold = {address for address, outcome in stayed.items() if outcome != ACCEPTED and arrived[address]}
    other = Counter(chr(outcome) for outcome in stayed.values() if outcome not in (ACCEPTED, SKIPPED))
    skipped = {address for address, outcome in stayed.items() if outcome == SKIPPED}
    unwanted = {f"r{number}@readers.example" for number in range(0, scene.plan.readers, 50)} - scene.left
    found = {
        "readers are lost: the ledger says accepted, and nothing arrived": len(unmailed),
        "readers got it, and the ledger does not know": len(untold),
        "readers are neither accepted nor skipped": other.total(),
        "readers are skipped who wanted it, or not skipped who did not": len(skipped ^ unwanted),
        "readers are missing in the ledger": len(everyone - outcomes.keys() - scene.left),
        "strangers got mail": len(arrived.keys() - outcomes.keys()),
    }
    return [f"{count} {what}" for what, count in found.items() if count]


def _outcomes(scene: Scene) -> dict[str, int]:
    """The outcome of each reader by address."""
    with runtime().db.reading() as session:
        addresses = {row.id: row.address for row in session.execute(select(Subscriber.id, Subscriber.address))}
        batches = session.scalars(
            select(Batch).where(Batch.digest_id == scene.digest_id).options(undefer(Batch.recipients))
        )
        return {
            addresses[reader]: outcome
            for batch in batches
            for reader, outcome in zip(packing.unpack_ids(batch.recipients), batch.outcomes, strict=True)
            if outcome != MOVED
        }


def _status(scene: Scene, arrived: Counter[str], recipients: int) -> list[str]:
    """The report that the command shows to an editor. `recipients` are from the ledger."""
    state = _command(scene, "digests", "status", str(scene.digest_id), "--json")
    wrong = []
    if state["status"] != "sent":
        wrong.append(f"the digest is not sent but {state['status']}: {state}")
    if state["recipients"] != recipients or sum(state[part] for part in PARTS) != recipients:
        wrong.append(f"the parts do not sum to {recipients} recipients: {state}")
    if abs(state["accepted"] - len(arrived)) > len(scene.left & arrived.keys()):
        wrong.append(f"{state['accepted']} are said to be accepted, and {len(arrived)} got it")
    return wrong


def _command(scene: Scene, *words: str) -> dict[str, Any]:
    result = subprocess.run(
        [sys.executable, "-m", "newsletter", *words],
        env=environment_of(scene.settings),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _logs(scene: Scene) -> list[str]:
    """No log holds an address, whatever went wrong."""
    return [f"{path.name} holds an address" for path in scene.folder.glob("log/*") if b"@readers" in path.read_bytes()]
