"""What runs inside a worker process."""

from __future__ import annotations

import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

from redact.batch.failures import describe
from redact.batch.one import work
from redact.batch.planning import Job
from redact.batch.progress import Progress
from redact.batch.record import Recipe
from redact.errors import RedactError
from redact.hardening import end_with_parent, no_core_dumps, one_heap
from redact.storage import WRITER, Writer


def serve(pipe: Connection, recipe: Recipe, overwrite: bool, tied: bool = False) -> None:
    """Load the detector, say so, then work through jobs until the pipe closes. A job comes with
    its `Writer`, None for this process. tied: end with the parent, at once.

    SIGTERM stops the job that runs. SIGINT is the parent's: a terminal sends it to everyone.
    """
    no_core_dumps()
    one_heap()
    if tied:
        end_with_parent()
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        _serve(pipe, recipe, overwrite, stop)
    except (EOFError, OSError):  # the parent is gone, or has no more for us
        return


def _serve(pipe: Connection, recipe: Recipe, overwrite: bool, stop: threading.Event) -> None:
    from redact.build import load_detector
    from redact.reading import warm

    try:
        warm(recipe.config)
        detector = load_detector(recipe.config)
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        known = isinstance(error, RedactError)
        pipe.send(error if known else RedactError(describe(error)))
        return
    pipe.send(None)
    voice = _Voice(pipe, stop)
    while not stop.is_set():
        while not pipe.poll(0.5):  # a signal handler must get its turn
            if stop.is_set():
                return
        job: Job
        writer: Writer | None
        job, writer = pipe.recv()
        WRITER.set(writer)
        outcome = work(
            job,
            recipe,
            detector,
            overwrite=overwrite,
            observer=Progress(voice.teller("opened"), voice.teller("advanced")),
            stop=stop,
            make_folder=voice.ask_for_folder,
        )
        voice.say("finished", outcome)


class _Voice:
    """Speaks to the parent from any thread; a parent that is gone stops the work."""

    def __init__(self, pipe: Connection, stop: threading.Event) -> None:
        self._pipe = pipe
        self._stop = stop
        self._lock = threading.Lock()

    def say(self, kind: str, value: Any) -> None:
        with self._lock:
            try:
                self._pipe.send((kind, value))
            except OSError:
                self._stop.set()

    def teller(self, kind: str) -> Any:
        return lambda value: self.say(kind, value)

    def ask_for_folder(self) -> None:
        """Folders are the parent's: it knows which to remove when nothing came of them."""
        self.say("folder", None)
        problem = self._pipe.recv()
        if problem is not None:
            raise problem
