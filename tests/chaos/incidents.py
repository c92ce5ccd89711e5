"""Random incidents of the service: each is a function of the scene that returns in words what it did."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from newsletter.core.jobs import DRAIN
from newsletter.core.queue import SENDING
from newsletter.core.runtime import runtime
from newsletter.subscribers.account import unsubscribing
from newsletter.subscribers.models import Subscriber
from tests.chaos import database_incidents, restoring
from tests.chaos.scene import Scene, some
from tests.chaos.wire import Weather


class Incident(NamedTuple):
    """`weight`: how often it happens, compared to others."""

    weight: float
    happen: Callable[[Scene], str]


def kill_worker(scene: Scene) -> str:
    name = scene.rng.choice(scene.service.worker_names)
    return _killed(name, scene.service.kill_worker(name, child=False))


def kill_child(scene: Scene) -> str:
    name = _at_work(scene)
    return _killed(f"the child of {name}", scene.service.kill_worker(name, child=True))


def kill_clock(scene: Scene) -> str:
    name = scene.rng.choice(["clock", "clock-2"])
    return _killed(name, scene.service.kill(name))


def kill_web(scene: Scene) -> str:
    return _killed("web", scene.service.kill("web"))


def kill_tree(scene: Scene) -> str:
    return _killed("the tree", scene.service.kill_tree())


def kill_queue(scene: Scene) -> str:
    return _killed("the queue", scene.service.kill_queue())


def kill_all(scene: Scene) -> str:
    """Kill processes as a loss of power does."""
    scene.service.kill_all()
    return "kill -9 of everything"


def kill_database(scene: Scene) -> str:
    if scene.postgres is None:
        return kill_all(scene)
    scene.postgres.kill()
    pause = some(scene.rng, 0.05, 2.0)
    time.sleep(pause)
    scene.postgres.start()
    return f"kill -9 of PostgreSQL, started again after {pause:.2f} s"


def empty_queue(scene: Scene) -> str:
    try:
        scene.queues.redis.flushall()
    except RedisError:
        return "the queue was to be emptied, and was not there"
    return "the queue forgot everything"


def freeze_queue(scene: Scene) -> str:
    pause = some(scene.rng, 0.5, 15.0)
    if not scene.service.freeze_queue():
        return "the queue was to be frozen, and was not there"
    scene.later(pause, scene.service.thaw)
    return f"the queue is frozen for {pause:.1f} s"


def damage_queue(scene: Scene) -> str:
    scene.service.kill_queue()
    for path in (scene.settings.data_dir / "valkey" / "appendonlydir").glob("*.incr.aof"):
        path.write_bytes(b"rubbish, and more of it than a torn end\r\n" * 50)
    return "kill -9 of the queue, whose file is damaged"


def fill_disk(scene: Scene) -> str:
    name = _at_work(scene)
    if not scene.service.fill_disk(name):
        return f"the disk of {name} was to be full, and it had no child"
    return f"the disk is full for the child of {name}"


def worker_loses_batch(scene: Scene) -> str:
    """It sleeps for longer than its lease, and then goes on."""
    name = _at_work(scene)
    if not scene.service.freeze(name):
        return f"{name} was to lose its batch, and had no child"
    scene.later(15.0, scene.service.thaw)
    return f"the child of {name} sleeps past its lease"


def stop_worker(scene: Scene) -> str:
    name = scene.rng.choice(scene.service.worker_names)
    return f"SIGTERM to {name}" if scene.service.ask_to_stop(name) else f"{name} was to be stopped, and was not there"


def freeze_worker(scene: Scene) -> str:
    name = _at_work(scene)
    pause = some(scene.rng, 0.5, 15.0)
    if not scene.service.freeze(name):
        return f"{name} was to be frozen, and had no child"
    scene.later(pause, scene.service.thaw)
    return f"the child of {name} is frozen for {pause:.1f} s"


def add_jobs(scene: Scene) -> str:
    """More jobs than there is work, and the same job twice: two workers get it."""
    try:
        for _ in range(scene.rng.randint(1, 20)):
            scene.queues.enqueue_drain()
        queue = scene.queues.queues[SENDING]
        job = queue.enqueue_call(DRAIN, result_ttl=0)
        queue.push_job_id(job.id)
    except RedisError:
        return "jobs were to be queued, and there was no queue"
    return "more draining jobs than needed, and the same one twice"


def pause_digest(scene: Scene) -> str:
    if not scene.editor.command("pause"):
        return "an editor wanted to pause"
    pause = some(scene.rng, 0.2, 3.0)
    scene.later(pause, lambda: _resume(scene))
    return f"an editor pauses for {pause:.1f} s"


def readers_leave(scene: Scene) -> str:
    numbers = [scene.rng.randrange(scene.plan.readers) for _ in range(scene.rng.randint(1, 5))]
    addresses = {f"r{number}@readers.example" for number in numbers}
    try:
        with runtime().db.transaction() as session:
            for token in session.scalars(select(Subscriber.token).where(Subscriber.address.in_(addresses))).all():
                unsubscribing.unsubscribe(session, token)
    except DBAPIError:
        return "readers wanted to leave, and the database was not there"
    scene.left |= addresses
    return f"{len(addresses)} readers leave"


def provider_misbehaves(scene: Scene) -> str:
    return scene.provider.misbehave(scene.rng)


def weather_changes(scene: Scene) -> str:
    rng, calm = scene.rng, scene.calm
    weather = rng.choice(
        [
            calm,
            calm._replace(latency=calm.latency * 4),
            calm._replace(refused=0.5),
            calm._replace(cut=0.3),
            calm._replace(silent=0.15),
            calm._replace(dripping=0.15),
            Weather(refused=0.2, cut=0.2, silent=0.1, dripping=0.1),
        ]
    )
    scene.provider.wire.weather = weather
    return f"the wire: {weather._asdict()}"


def provider_vanishes(scene: Scene) -> str:
    pause = some(scene.rng, 0.1, 2.0)
    scene.provider.wire.take_down()
    time.sleep(pause)
    scene.provider.wire.put_up()
    return f"nobody listened at the provider's for {pause:.1f} s"


INCIDENTS = (
    Incident(4, kill_worker),
    Incident(6, kill_child),
    Incident(2, kill_clock),
    Incident(2, kill_web),
    Incident(1, kill_tree),
    Incident(2, kill_queue),
    Incident(0.5, kill_all),
    Incident(3, kill_database),
    Incident(1, empty_queue),
    Incident(2, stop_worker),
    Incident(3, freeze_worker),
    Incident(3, add_jobs),
    Incident(2, pause_digest),
    Incident(2, readers_leave),
    Incident(8, provider_misbehaves),
    Incident(6, weather_changes),
    Incident(2, provider_vanishes),
    Incident(2, freeze_queue),
    Incident(1, damage_queue),
    Incident(2, fill_disk),
    Incident(1, worker_loses_batch),
    Incident(3, database_incidents.silence_database),
    Incident(1, database_incidents.stop_worker_in_silence),
    Incident(1, database_incidents.clock_meets_read_only),
    Incident(2, restoring.make_backup),
)


def happen(scene: Scene) -> None:
    """One incident."""
    (incident,) = scene.rng.choices(INCIDENTS, [one.weight for one in INCIDENTS])
    scene.timeline.add(incident.happen(scene))


def _at_work(scene: Scene) -> str:
    """A worker that has a job; any other when nobody has one."""
    names = scene.service.worker_names
    return scene.rng.choice([name for name in names if scene.service.is_at_work(name)] or names)


def _killed(what: str, done: bool) -> str:
    return f"kill -9 of {what}" if done else f"{what} was to be killed, and was not there"


def _resume(scene: Scene) -> None:
    if not scene.editor.command("resume"):
        scene.later(0.5, lambda: _resume(scene))
