"""unseal: a sealed original, or a span of it, for whoever holds the key."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from redact.errors import ConfigError, SinkError, SourceError
from redact.sealing.age import decrypt
from redact.sealing.nameless import Nameless

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Unsealed:
    """original_sha256: of the whole original. start, end: seconds of it that were written, or
    None for all; they begin at the key frame before what was asked for."""

    original_bytes: int
    original_sha256: str
    start: float | None = None
    end: float | None = None


def unseal(
    sealed: Path,
    output: Path,
    identities: Sequence[Any],
    *,
    start: float | None = None,
    end: float | None = None,
    overwrite: bool = False,
) -> Unsealed:
    """Decrypt; the clear file gets its name only once all of it has been authenticated.

    start, end: seconds. Raises ConfigError, SourceError, SinkError, TamperedError; `output` is
    then as it was.
    """
    if not overwrite and (output.exists() or output.is_symlink()):
        raise ConfigError(f"{output}: exists already; pass --overwrite to replace it")
    if end is not None and end <= (start or 0.0):
        raise ConfigError("--to must be later than --from")
    try:
        reader = sealed.open("rb")
    except OSError as error:
        raise SourceError(f"{sealed}: cannot be read: {error.strerror or error}") from error
    with reader, Nameless(output) as whole:
        try:
            decrypt(reader, whole.file, identities, str(sealed))
            whole.file.flush()
        except OSError as error:
            raise SinkError(f"{output}: cannot be written: {error.strerror or error}") from error
        size, digest = _digest(whole.file)
        if start is None and end is None:
            whole.publish(overwrite=overwrite)
            return Unsealed(size, digest)
        from redact.sealing.span import cut

        with Nameless(output) as part:
            first, last = cut(whole.file, part.file, output, start or 0.0, end)
            part.publish(overwrite=overwrite)
        return Unsealed(size, digest, first, last)


def _digest(file: BinaryIO) -> tuple[int, str]:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    size = file.tell()
    file.seek(0)
    return size, digest.hexdigest()
