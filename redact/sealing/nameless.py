"""A file without a name until it is published: a killed process leaves no clear picture."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from redact.errors import ConfigError, SinkError
from redact.sinks.partial import Partial, partial_name


class Nameless:
    """A new file in the folder of `final`, readable by its owner only; gone unless published.

    Where the file system knows no nameless files, a hidden partial file is used. Raises
    SinkError.
    """

    def __init__(self, final: Path) -> None:
        self._final = final
        self._partial: Partial | None = None
        try:
            descriptor = os.open(final.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            self._partial = Partial(final)
            self._partial.path.chmod(0o600)
            descriptor = os.open(self._partial.path, os.O_RDWR | os.O_CLOEXEC)
        self.file: BinaryIO = os.fdopen(descriptor, "w+b")

    def publish(self, *, overwrite: bool) -> None:
        """Raises ConfigError where the name is taken and `overwrite` is not set, SinkError."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            if not overwrite and (self._final.exists() or self._final.is_symlink()):
                raise FileExistsError
            if self._partial is not None:
                self._partial.publish()
                return
            name = self._final.with_name(partial_name(self._final)) if overwrite else self._final
            self._link(name)
            if overwrite:
                os.replace(name, self._final)  # noqa: PTH105 - as in the docs on atomic renames
        except FileExistsError:
            raise ConfigError(
                f"{self._final}: exists already; pass --overwrite to replace it"
            ) from None
        except OSError as error:
            raise SinkError(
                f"{self._final}: cannot be written: {error.strerror or error}"
            ) from error

    def _link(self, name: Path) -> None:
        folder = os.open(name.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # A folder's descriptor, though not needed, makes Python follow the link in /proc.
            os.link(
                f"/proc/self/fd/{self.file.fileno()}", name, src_dir_fd=folder, follow_symlinks=True
            )
            os.fsync(folder)
        finally:
            os.close(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            self.file.close()
        finally:
            if self._partial is not None:
                self._partial.discard()
