"""Starting a worker process: the same for a crew of this machine and for a slot of a cluster."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from redact.batch.record import Recipe
from redact.batch.worker import serve

_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def hire(recipe: Recipe, overwrite: bool, *, tied: bool = False) -> tuple[SpawnProcess, Connection]:
    """A process that loads its models, and the pipe to it. tied: it ends at once when this process
    does, however that happens, and imports nothing of this program."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, recipe, overwrite, tied), daemon=True)
    # Until a worker has its own handlers, a Ctrl-C must wait rather than kill it loudly.
    resource_tracker.ensure_running()  # type: ignore[no-untyped-call,unused-ignore]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with _program_hidden(tied):
            process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return process, ours


@contextmanager
def _program_hidden(hidden: bool) -> Iterator[None]:
    """A spawned process first imports the program that spawns it: in a cluster that is Ray's,
    a second of imports and threads that are of no use there."""
    program = sys.modules["__main__"].__dict__
    kept = {name: program.pop(name) for name in ("__file__",) if hidden and name in program}
    try:
        yield
    finally:
        program.update(kept)
