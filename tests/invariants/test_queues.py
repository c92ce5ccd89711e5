"""Every queue has a worker that listens to it, and every job that is queued exists."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module

import pytest

from newsletter.core import queue
from newsletter.core.queue import Queues
from workers import jobs, worker

LISTENED = [name for _, names in worker.LANES.values() for name in names]
ENQUEUERS = sorted(name for name in vars(Queues) if name.startswith("enqueue_"))


class Recorder(Queues):
    """Keeps what would be queued. It is never connected."""

    def __init__(self) -> None:
        super().__init__("unix:///nowhere")
        self.queued: list[tuple[str, str]] = []

    def _enqueue(self, name: str, function: str) -> bool:
        self.queued.append((name, function))
        return True

    def _is_waiting(self, name: str) -> bool:
        return False


@pytest.mark.parametrize("enqueue", ENQUEUERS)
def test_what_is_queued_exists_and_is_listened_to(enqueue: str) -> None:
    queues = Recorder()
    getattr(queues, enqueue)()
    ((name, path),) = queues.queued
    assert name in LISTENED
    module, _, function = path.rpartition(".")
    assert inspect.isfunction(getattr(import_module(module), function))


def test_the_worker_listens_to_every_queue_once() -> None:
    assert sorted(LISTENED) == sorted(Recorder().queues)


def test_every_job_path_exists() -> None:
    paths = {value for value in vars(queue).values() if isinstance(value, str) and value.startswith("workers.jobs.")}
    bodies = {
        name for name, value in vars(jobs).items() if inspect.isfunction(value) and value.__module__ == jobs.__name__
    }
    assert paths == {f"workers.jobs.{name}" for name in bodies}


def test_a_job_s_body_has_two_statements_at_most() -> None:
    """The logic is where it can be tested without a queue."""
    for node in ast.parse(inspect.getsource(jobs)).body:
        if isinstance(node, ast.FunctionDef):
            docstring, *statements = node.body
            assert isinstance(docstring, ast.Expr)
            assert sum(isinstance(each, ast.stmt) for each in ast.walk(ast.Module(statements, []))) <= 2, node.name
