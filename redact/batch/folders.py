"""Output folders: made when needed, and removed again when nothing came of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from redact.errors import SinkError
from redact.storage import ObjectPath, Place


class Folders:
    """Remembers which folders it made."""

    def __init__(self) -> None:
        self._made: list[Path] = []

    def make(self, folder: Place) -> None:
        """With its parents; a bucket has none. Raises SinkError."""
        if isinstance(folder, ObjectPath):
            return
        missing = []
        for path in (folder, *folder.parents):
            if path.exists():
                break
            missing.append(path)
        try:
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
                self._made.append(path)
            if not folder.is_dir():
                raise NotADirectoryError(20, "is a file, not a folder")
        except OSError as error:
            raise SinkError(
                f"{folder}: cannot make the folder: {error.strerror or error}"
            ) from error

    def remove_empty(self) -> None:
        for path in reversed(self._made):
            with suppress(OSError):  # in use: something came of it
                path.rmdir()
