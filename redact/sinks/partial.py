"""A hidden file beside the output, that becomes the output by one rename, or vanishes."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from redact.errors import SinkError

_PARTIAL = re.compile(r"^\..*\.partial-\d+-[0-9a-f]{6}(\.[^.]+)?$", re.DOTALL)
_STEM_BYTES = 180  # of the 255 that a file name may have


def is_partial(name: str | Path) -> bool:
    """True for the name of an unfinished output, which may be deleted when nobody writes it."""
    return _PARTIAL.match(Path(name).name) is not None


def partial_name(path: Path) -> str:
    """`.STEM.partial-PID-RANDOM.SUFFIX`: hidden, never the same twice, same container."""
    stem = os.fsencode(path.stem)[:_STEM_BYTES]
    return f".{os.fsdecode(stem)}.partial-{os.getpid()}-{secrets.token_hex(3)}{path.suffix}"


class Partial:
    """Created empty at once, so that an unwritable folder fails before any work is done.

    Raises SinkError when the final path is a folder, or the file cannot be made.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = final.with_name(partial_name(final))
        try:
            if final.is_dir():
                raise SinkError(f"{final}: is a folder; name the output file in it")
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            os.close(os.open(self.path, flags, 0o666))
        except OSError as error:
            missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
            advice = "create the folder first" if missing else "check the folder's permissions"
            raise SinkError(
                f"{final}: cannot be written: {error.strerror or error}; {advice}"
            ) from error

    def publish(self) -> None:
        """Make it durable, then give it its name. Raises OSError."""
        _fsync(self.path)
        os.replace(self.path, self.final)  # noqa: PTH105 - as in the docs on atomic renames
        _fsync(self.final.parent)

    def discard(self) -> None:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
