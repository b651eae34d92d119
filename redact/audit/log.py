"""AuditLog: entries are only ever added, by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redact.audit.entry import FIRST, Entry, Statement, canonical, make_entry, read_entry
from redact.audit.signing import Signer, make_key
from redact.errors import ConfigError, SinkError, TamperedError
from redact.sinks.partial import Partial

_BLOCK = 1 << 16


class AuditLog:
    """A file of JSON lines, with three beside it: `.key` (secret), `.pub`, and `.head`, the
    signed number and digest of the last entry, which shows when entries went from the end.

    All are made with the first entry, in a folder that exists. Raises ConfigError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; name a file for the audit log in it")

    @property
    def key(self) -> Path:
        return self.path.with_name(f"{self.path.name}.key")

    @property
    def public(self) -> Path:
        return self.path.with_name(f"{self.path.name}.pub")

    @property
    def head(self) -> Path:
        return self.path.with_name(f"{self.path.name}.head")

    def append(self, event: str, statement: Statement, facts: dict[str, Any]) -> Entry:
        """Add an entry, durably. facts: JSON values; names and digests, never pixels.

        Raises SinkError when it cannot be written, TamperedError when the end of the log is
        not what was last written: nothing is added to a log that was altered.
        """
        try:
            with self._locked() as descriptor:
                signer = self._signer(descriptor)
                number, before = self._last(descriptor, signer)
                entry = make_entry(number + 1, before, event, statement, facts, signer)
                _write_all(descriptor, entry.line())
                os.fsync(descriptor)
                self._write_head(entry, signer)
                return entry
        except OSError as error:
            raise SinkError(
                f"{self.path}: the audit log cannot be written: {error.strerror or error}"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[int]:
        flags = os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _signer(self, descriptor: int) -> Signer:
        if not self.key.exists():
            if os.fstat(descriptor).st_size or self.head.exists():
                raise ConfigError(
                    f"{self.key}: the key of this log is gone; put it back, or begin a new log"
                )
            make_key(self.key, self.public)
        return Signer(self.key)

    def _last(self, descriptor: int, signer: Signer) -> tuple[int, str]:
        """Number and digest of the last entry. A line that was cut by a crash was never
        acknowledged, and goes."""
        from redact.audit.checking import check_entry
        from redact.audit.signing import load_public

        size = os.fstat(descriptor).st_size
        line, kept = _last_line(descriptor, size)
        if kept < size:
            os.ftruncate(descriptor, kept)
        head = read_head(self.head)
        if not line:
            if head is not None:
                raise TamperedError(f"{self.path}: is empty, though entries were written")
            return 0, FIRST
        entry = read_entry(line, str(self.path))
        key = load_public(signer.public_pem, str(self.public))
        check_entry(entry, key, str(self.path))
        if head is not None and head["n"] not in (entry.number, entry.number - 1):
            raise TamperedError(
                f"{self.path}: ends with entry {entry.number}, though {head['n']} were written; "
                "nothing is added to it; check it with redact audit verify"
            )
        return entry.number, entry.digest

    def _write_head(self, entry: Entry, signer: Signer) -> None:
        head = {"n": entry.number, "digest": entry.digest}
        text = canonical(head | {"sig": signer.sign(canonical(head)).hex()})
        partial = Partial(self.head)
        try:
            partial.path.write_bytes(text + b"\n")
            partial.publish()
        finally:
            partial.discard()


def read_head(path: Path) -> dict[str, Any] | None:
    """None where there is none. Raises TamperedError."""
    try:
        head = json.loads(path.read_bytes())
        if set(head) != {"n", "digest", "sig"} or type(head["n"]) is not int:
            raise ValueError("not the fields of a head")
        bytes.fromhex(head["sig"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise TamperedError(f"{path}: is not what was written: {error}") from error
    return dict(head)


def digest_of_file(path: Path) -> tuple[int, str]:
    """Size and sha256. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _write_all(descriptor: int, data: bytes) -> None:
    """All of it or nothing: a line that does not fit is taken back."""
    before = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def _last_line(descriptor: int, size: int) -> tuple[bytes, int]:
    """The last complete line, and where it ends; b"" where there is none."""
    found, at = b"", size
    while at > 0:
        step = min(_BLOCK, at)
        at -= step
        found = os.pread(descriptor, step, at) + found
        end = found.rfind(b"\n")
        begin = found.rfind(b"\n", 0, end) if end > 0 else -1
        if end >= 0 and (begin >= 0 or at == 0):
            return found[begin + 1 : end + 1], at + end + 1
    return b"", 0
