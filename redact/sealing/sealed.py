"""SealedCopy: an original, encrypted while it is read, that appears whole or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from redact.errors import SinkError
from redact.pipeline import Stopped
from redact.sealing.age import Readable, encrypt
from redact.sinks.partial import Partial

SUFFIX = ".age"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was sealed. bytes, sha256: of the sealed file; original_...: of what it holds."""

    name: str
    bytes: int
    sha256: str
    original_bytes: int
    original_sha256: str
    recipients: tuple[str, ...]


def sealed_path(output: Path, source: Path) -> Path:
    """`out.mp4` made of `x.avi` -> `out.mp4.original.avi.age`."""
    return output.with_name(f"{output.name}.original{source.suffix.lower()}{SUFFIX}")


class SealedCopy:
    """Only ciphertext reaches the disk, in a hidden partial file until `publish`.

    recipients: from `parse_recipients`. Memory stays bounded, whatever the length.
    """

    def __init__(self, final: Path, recipients: Sequence[str]) -> None:
        self._final = final
        self._recipients = tuple(recipients)
        self._partial: Partial | None = None
        self._sealed: Sealed | None = None

    def fill(self, reader: Readable, stop: threading.Event | None = None) -> Sealed:
        """Encrypt all that comes until read() gives nothing. Raises what reading raised,
        SinkError, or Stopped once `stop` is set."""
        partial = self._partial = Partial(self._final)
        clear, kept = _Counted(), _Counted()

        class Reading:
            def read(self, size: int = -1, /) -> bytes:
                if stop is not None and stop.is_set():
                    raise Stopped("stopped while the original was sealed")
                data = reader.read(size)
                clear.add(data)
                return data

        try:
            with partial.path.open("wb") as file:

                def write(data: bytes) -> int:
                    kept.add(data)
                    return file.write(data)

                encrypt(Reading(), write, self._recipients)
        except OSError as error:
            raise SinkError(
                f"{self._final}: cannot be sealed: {error.strerror or error}"
            ) from error
        self._sealed = Sealed(
            self._final.name,
            kept.bytes,
            kept.digest.hexdigest(),
            clear.bytes,
            clear.digest.hexdigest(),
            self._recipients,
        )
        return self._sealed

    def publish(self) -> None:
        """Give it its name. Raises SinkError."""
        if self._partial is None or self._sealed is None:
            raise SinkError(f"{self._final}: nothing was sealed")
        try:
            self._partial.publish()
        except OSError as error:
            raise SinkError(f"{self._final}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._partial is not None:
            self._partial.discard()


class _Counted:
    def __init__(self) -> None:
        self.bytes = 0
        self.digest = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self.bytes += len(data)
        self.digest.update(data)
