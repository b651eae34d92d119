"""A hidden file beside the output, that becomes the output by one rename, or vanishes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from redact.errors import SinkError
from redact.storage import ObjectPath, Place
from redact.storage.naming import is_partial, partial_name

__all__ = ["Draft", "Partial", "draft_of", "is_partial", "partial_name", "write_whole"]


class Draft(Protocol):
    """What is written before it has its name. path: where it can be read after `close`.

    Created at once, so that a place that cannot be written to fails before any work is done.
    Every method but `discard` may raise OSError or SinkError.
    """

    @property
    def path(self) -> Place: ...
    def target(self) -> Any:
        """What PyAV writes to."""

    def close(self) -> None: ...
    def publish(self) -> object: ...
    def discard(self) -> None: ...


def absolute(place: Place) -> Place:
    """So that a change of the working folder changes nothing. Links stay."""
    if isinstance(place, ObjectPath):
        return place
    return Path(os.path.abspath(place))  # noqa: PTH100 - resolve() follows links


def draft_of(final: Place) -> Draft:
    """A draft of the kind that the place has. Raises SinkError, OSError."""
    if not isinstance(final, ObjectPath):
        return Partial(final)
    from redact.storage.upload import ObjectDraft

    return ObjectDraft(final)


def write_whole(final: Place, data: bytes) -> None:
    """A small file or object, whole or not at all. Raises SinkError, OSError."""
    if isinstance(final, ObjectPath):
        from redact.storage.upload import put

        return put(final, data)
    partial = Partial(final)
    try:
        partial.path.write_bytes(data)
        partial.publish()
    finally:
        partial.discard()


class Partial:
    """A `Draft` of a file. Raises SinkError when the final path is a folder, or the file cannot
    be made."""

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

    def target(self) -> str:
        return f"file:{self.path}"

    def close(self) -> None:
        """The muxer closes it."""

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
