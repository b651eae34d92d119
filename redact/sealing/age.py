"""The door to pyrage, the age library: its errors become ours here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, BinaryIO, Protocol

from redact.errors import ConfigError, MissingDependencyError, SinkError, TamperedError


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def library() -> ModuleType:
    """Raises MissingDependencyError: without it nothing is sealed, and nothing is left clear."""
    try:
        import pyrage
    except ImportError as error:
        raise MissingDependencyError(
            "sealing needs the package pyrage, which is not installed; install it with "
            "pip install 'redact[trust]'"
        ) from error
    return pyrage  # type: ignore[no-any-return,unused-ignore]


class _Guarded:
    """A file whose own error survives the way through the library."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        self._call = call
        self.error: BaseException | None = None

    def _do(self, value: Any) -> Any:
        try:
            return self._call(value)
        except BaseException as error:
            self.error = error
            raise

    def read(self, size: int = -1, /) -> Any:
        return self._do(size)

    def write(self, data: bytes, /) -> Any:
        return self._do(data)

    def flush(self) -> None:
        return


def encrypt(reader: Readable, write: Callable[[bytes], int], recipients: Sequence[str]) -> None:
    """Stream from one to the other. recipients: checked public keys, at least one.

    Raises what reading or writing raised, ConfigError, SinkError.
    """
    pyrage = library()
    if not recipients:
        raise ConfigError("sealing needs at least one public key; name one with --seal-to")
    keys = [pyrage.x25519.Recipient.from_str(key) for key in recipients]
    source, target = _Guarded(reader.read), _Guarded(write)
    try:
        pyrage.encrypt_io(source, target, keys)
    except (pyrage.EncryptError, OSError) as error:
        raise source.error or target.error or SinkError(f"cannot be sealed: {error}") from error


def decrypt(reader: Readable, writer: BinaryIO, identities: Sequence[Any], name: str) -> None:
    """Stream from one to the other. What was written must be thrown away when this raises: the
    library hands on each piece before the end has been authenticated.

    Raises what reading or writing raised, ConfigError for a key that does not fit,
    TamperedError for a file that was altered or cut.
    """
    pyrage = library()
    source, target = _Guarded(reader.read), _Guarded(writer.write)
    try:
        pyrage.decrypt_io(source, target, list(identities))
    except (pyrage.DecryptError, OSError) as error:
        if own := source.error or target.error:
            raise own from error
        if "No matching keys" in str(error):
            raise ConfigError(
                f"{name}: was not sealed to this key; use the key whose public half it names"
            ) from error
        raise TamperedError(
            f"{name}: is damaged, cut short or no sealed file ({error}); nothing was written"
        ) from error
