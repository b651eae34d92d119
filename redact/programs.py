"""The ffmpeg program as a child: commands composed by ffmpeg-python, raw video through a pipe.

It is for codecs that PyAV's wheels lack. It fails closed: a program that ends with an error, or
that complains of anything at all, is an error, because over a pipe nothing says which of its
pictures is damaged.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from redact.errors import MissingDependencyError

_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_KEPT = 4000  # characters of what it says
_WAIT = 20.0  # seconds for it to end once its pipe is closed
GLOBAL = ("-v", "error", "-nostdin")


def composer() -> Any:
    """The module ffmpeg-python, once the program is there too. Raises MissingDependencyError."""
    try:
        import ffmpeg
    except ImportError as error:
        raise MissingDependencyError(
            "the ffmpeg backend needs ffmpeg-python: pip install 'redact[ffmpeg]'"
        ) from error
    missing = [name for name in ("ffmpeg", "ffprobe") if shutil.which(name) is None]
    if missing:
        raise MissingDependencyError(
            f"the ffmpeg backend needs the program {' and '.join(missing)}: apt-get install ffmpeg"
        )
    return ffmpeg


class Child:
    """A running ffmpeg. reads: whether frames are written to it; else they are read from it.

    `pipe` is that end of its standard input or output. Its complaints are kept in memory.
    """

    def __init__(self, command: list[str], *, reads: bool) -> None:
        end = subprocess.PIPE
        self._process = subprocess.Popen(
            command,
            stdin=end if reads else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if reads else end,
            stderr=end,
        )
        pipe = self._process.stdin if reads else self._process.stdout
        assert pipe is not None
        self.pipe: IO[bytes] = pipe
        self._said = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if len(self._said) < _KEPT:  # the first words name the cause; all are read
                self._said += line.decode("utf-8", "replace")

    def wait(self) -> str:
        """Until it ended; why that was no success, or nothing. Its pipe is closed first."""
        with suppress(OSError):
            self.pipe.close()
        try:
            code = self._process.wait(_WAIT)
        except subprocess.TimeoutExpired:
            self.kill()
            return "does not end"
        self._listener.join(_WAIT)
        lines = self._said.strip().splitlines()
        if lines:
            return _ADDRESS.sub("", lines[0]).strip()
        return f"ended with {code}" if code else ""

    def kill(self) -> None:
        """At once; safe to call twice."""
        self._process.kill()
        with suppress(OSError):
            self.pipe.close()
        self._process.wait()


def local(path: Path) -> str:
    """A name that ffmpeg takes for a file, whatever is in it."""
    return f"file:{path.absolute()}"
