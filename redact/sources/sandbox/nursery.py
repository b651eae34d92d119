"""Where decoding processes come from: a clean process of ours that has everything loaded forks one
for each file, in milliseconds instead of half a second of imports (a "zygote", as in Android and
Chromium).

`Nursery` is this side, `python -m redact.sources.sandbox.nursery SOCKET` the other. It never reads
a file, so that no child inherits anything of another one's; all share the layout of its memory,
which is not that of this process. Each child locks itself down before it opens its file.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import NoReturn

import msgspec

from redact.errors import SourceError
from redact.sources.sandbox.messages import LONGEST, Order

_IDLE = 30.0  # seconds without a child after which the nursery goes
_BOOT = 60.0  # seconds for it to load everything
_ORDER = 1 << 17  # bytes: the past of a piece may name thousands of key frames
_STATUS = struct.Struct("=i")


class Child:
    """A decoding process, as its owner sees it: `pid`, and `returncode` as `subprocess` has it,
    None until `wait` has seen its end."""

    def __init__(self, pid: int, process: int, status: int) -> None:
        """process: descriptor of it (pidfd). status: of a pipe that tells how it ended."""
        self.pid = pid
        self.returncode: int | None = None
        self._process = process
        self._status = status
        self._lock = threading.Lock()

    def kill(self) -> None:
        with self._lock, suppress(OSError):  # it has ended
            if self._process >= 0:
                signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def wait(self, timeout: float) -> int | None:
        """How it ended, as soon as it has; None after `timeout` seconds."""
        with self._lock:
            if self._status < 0 or not select.select([self._status], [], [], timeout)[0]:
                return self.returncode
            told = os.read(self._status, _STATUS.size)
            # Without a word the nursery itself has ended.
            self.returncode = _STATUS.unpack(told)[0] if told else -signal.SIGKILL
            os.close(self._status)
            os.close(self._process)
            self._status = self._process = -1
        return self.returncode

    def __del__(self) -> None:
        for descriptor in (self._status, self._process):
            if descriptor >= 0:
                os.close(descriptor)


class Nursery:
    """Starts children; one for this process is `NURSERY`. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0  # process that it was started by
        self._process: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None

    def warm(self) -> None:
        """Let it load, if it does not run, without waiting for it."""
        with self._lock, suppress(OSError):  # `start` tries again, and says so
            self._ensure()

    def start(
        self, order: Order, end: socket.socket, memory: int, given: int | None = None
    ) -> Child:
        """A child that carries out `order` and speaks through `end`. given: descriptor that it
        reads instead of a file. Raises SourceError."""
        words = msgspec.msgpack.encode(order)
        with self._lock:
            for last in (False, True):
                pipe, status = os.pipe2(os.O_CLOEXEC)
                here = os.open(".", os.O_PATH)  # paths may be relative
                try:
                    more = [] if given is None else [given]
                    return self._ask(words, [end.fileno(), memory, status, here, *more], pipe)
                except OSError as error:  # it went for lack of work, or was killed
                    os.close(pipe)
                    self._close()
                    if last:
                        raise SourceError(f"no process can be started to decode: {error}") from None
                except BaseException:
                    os.close(pipe)
                    self._close()  # its answer may still come, and would be taken for the next one
                    raise
                finally:
                    os.close(status)
                    os.close(here)
        raise AssertionError("the last attempt returns or raises")

    def _ask(self, words: bytes, descriptors: list[int], pipe: int) -> Child:
        end = self._ensure()
        end.settimeout(_BOOT)
        socket.send_fds(end, [words], descriptors)
        answer, processes, _, _ = socket.recv_fds(end, LONGEST, 1)
        if not answer or not processes:
            raise OSError(answer.decode(errors="replace") or "it ended")
        return Child(int(answer), processes[0], pipe)

    def _ensure(self) -> socket.socket:
        if self._end is not None and self._owner == os.getpid():
            return self._end
        self._end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._owner = os.getpid()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "redact.sources.sandbox.nursery", str(other.fileno())],
                pass_fds=[other.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for its owner, which then ends it
            )
        return self._end

    def _close(self) -> None:
        if self._end is not None:
            self._end.close()
            self._end = None
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """End it; children go on."""
        with self._lock:
            self._close()


NURSERY = Nursery()
atexit.register(NURSERY.close)


_KNOWN = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV")
_KINDS = ("LC_", "LD_", "PYTHON", "DYLD_", "COVERAGE_", "OMP_")


def _environment() -> dict[str, str]:
    """Few threads and little memory beside the decoder's own; the packages of this process. Nothing
    else of its environment, where keys of stores and passwords may stand."""
    kept = {n: v for n, v in os.environ.items() if n in _KNOWN or n.startswith(_KINDS)}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


# -- the other side -----------------------------------------------------------------------------


def serve(owner: socket.socket) -> None:
    """Fork a child for each order, tell how each ended; until the owner is gone."""
    children: dict[int, tuple[int, int]] = {}  # by pidfd: process id, where to tell its end
    poll = select.poll()
    poll.register(owner, select.POLLIN)
    while True:
        ready = poll.poll(None if children else _IDLE * 1000)
        if not ready:
            return
        for descriptor, _ in ready:
            if descriptor in children:
                poll.unregister(descriptor)
                _tell_end(descriptor, *children.pop(descriptor))
            elif not _take_order(owner, children, poll):
                return


def _tell_end(process: int, pid: int, status: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):  # nobody wants to know
        os.write(status, _STATUS.pack(code))
    os.close(status)
    os.close(process)


def _take_order(
    owner: socket.socket, children: dict[int, tuple[int, int]], poll: select.poll
) -> bool:
    words, descriptors, _, _ = socket.recv_fds(owner, _ORDER, 5)
    if not words:
        return False
    end, memory, status, here, *given = descriptors
    try:
        pid = os.fork()
    except OSError as error:
        owner.send(str(error).encode())
        for descriptor in descriptors:
            os.close(descriptor)
        return True
    if pid == 0:
        _become_child(words, end, memory, here, *given)
    for descriptor in (end, memory, here, *given):
        os.close(descriptor)
    process = os.pidfd_open(pid)
    children[process] = pid, status
    poll.register(process, select.POLLIN)
    socket.send_fds(owner, [str(pid).encode()], [process])
    return True


def _become_child(
    words: bytes, end: int, memory: int, here: int, given: int | None = None
) -> NoReturn:
    from redact.sources.sandbox.child import run

    try:
        os.fchdir(here)
        kept = sorted((2, end, memory, *(() if given is None else (given,))))
        for one, next_one in zip(kept, [*kept[1:], os.sysconf("SC_OPEN_MAX")], strict=True):
            os.closerange(one + 1, next_one)
        order = msgspec.msgpack.decode(words, type=Order)
        run(order, socket.socket(fileno=end), memory, given)
    finally:
        os._exit(1)


def main() -> None:
    from redact.sources.sandbox.child import load_all

    owner = socket.socket(fileno=int(sys.argv[1]))
    load_all()
    gc.collect()
    gc.freeze()  # or the first collection of each child would copy all of it
    with suppress(OSError):  # the owner is gone
        serve(owner)


if __name__ == "__main__":
    main()
