"""When the detector looks: every so often, at once when something stirs, and never so seldom
that the look-back could not cover what it missed. And a thread to look in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

_EARLY = 1e-3  # seconds: clocks of cameras are not exact
_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(slots=True)
class Looks:
    """State of one stream.

    interval: seconds between two looks; 0 looks at every frame. still: the same while nothing
    moves and the last look found everybody at rest, or nobody. limit: frames that may wait for a
    look, at most.
    """

    interval: float
    still: float
    limit: int
    _last: float | None = None
    _waiting: int = 0
    _quiet: bool = False

    def due(self, time: float, still: bool, corrupt: bool = False) -> bool:
        """Whether to look at the next frame. time: seconds. still: the motion net is sure that
        nothing moves in it."""
        self._waiting += 1
        if self._last is None or time <= self._last or self._waiting > self.limit:
            return True
        if corrupt:  # nothing to be learned from it
            return False
        quiet = still and self._quiet
        interval = max(self.still, self.interval) if quiet else self.interval
        return time - self._last >= interval - _EARLY

    def looked(self, time: float, rest: bool) -> None:
        """A look is over. rest: it found those whom the one before found, where they were."""
        self._last, self._waiting, self._quiet = time, 0, rest


class LookThread(Executor):
    """One thread that does what it is given, in that order, as the threads of a pipeline do: a
    program may end while it hangs, and runs go on after the main thread of a program is over.
    `ThreadPoolExecutor` keeps the first from happening, and takes no work any more in the second.
    """

    def __init__(self) -> None:
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._open, self._door = True, threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="redact-look", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """See `concurrent.futures.Executor`. Raises RuntimeError after `shutdown`."""
        future: Future[_T] = Future()
        with self._door:
            if not self._open:
                raise RuntimeError("no look begins after the end")
            self._given.put(partial(_done, future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(
        self,
        wait: bool = True,
        *,
        cancel_futures: bool = False,  # noqa: ARG002 - a look that began is looked to its end
    ) -> None:
        """Take no more work; what was taken is done. wait: until then."""
        with self._door:
            self._open = False
            self._given.put(None)
        if wait:
            self._thread.join()

    def _serve(self) -> None:
        while (work := self._given.get()) is not None:
            work()
            del work  # it holds a frame


def _done(future: Future[_T], work: Callable[[], _T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        answer = work()
    except BaseException as error:  # noqa: BLE001 - raised again where the answer is asked for
        future.set_exception(error)
    else:
        future.set_result(answer)
