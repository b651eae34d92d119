"""Key pairs of the owner: made, written, read. Secret keys appear in no message and no repr."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redact.errors import ConfigError, SinkError
from redact.sealing.age import library

_SECRET = "AGE-SECRET-KEY-"
_LONGEST = 1 << 16  # bytes of a key file


@dataclass(frozen=True, slots=True)
class KeyPair:
    """public: `age1...`, may be known to all. secret: opens everything sealed to it."""

    public: str
    secret: str = field(repr=False)


def make_key_pair() -> KeyPair:
    """Raises MissingDependencyError."""
    identity = library().x25519.Identity.generate()
    return KeyPair(str(identity.to_public()), str(identity))


def write_key_pair(pair: KeyPair, path: Path) -> Path:
    """The secret key to `path`, for its owner's eyes only, and the public one to `path`.pub,
    whose path is returned. Nothing is ever replaced. Raises ConfigError, SinkError."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    public = path.with_name(f"{path.name}.pub")
    for taken in (path, public):
        if taken.exists() or taken.is_symlink():
            raise ConfigError(f"{taken}: exists already; a key is never replaced, choose a name")
    write_secret(path, f"# created: {now}\n# public key: {pair.public}\n{pair.secret}\n")
    try:
        public.write_text(f"{pair.public}\n", encoding="ascii")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SinkError(f"{public}: cannot be written: {error.strerror or error}") from error
    return public


def write_secret(path: Path, text: str) -> None:
    """A new file that only its owner may read. Raises SinkError, leaving nothing."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SinkError(f"{path}: cannot be made: {error.strerror or error}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SinkError(f"{path}: cannot be written: {error.strerror or error}") from error


def parse_recipients(given: Iterable[str]) -> tuple[str, ...]:
    """Public keys, each given as such or as a file with one a line; in order, each once.

    Raises ConfigError, without repeating what may be a secret; MissingDependencyError.
    """
    recipients = library().x25519.Recipient
    found = set[str]()
    for text in given:
        for where, key in _public_keys(text):
            try:
                found.add(str(recipients.from_str(key)))
            except Exception as error:
                raise ConfigError(
                    f"{where}: is no public age key ({error}); it starts with age1 and must be "
                    "copied whole"
                ) from error
    return tuple(sorted(found))


def _public_keys(text: str) -> Iterator[tuple[str, str]]:
    """(where it stands, key)."""
    if _SECRET in text.upper():
        raise ConfigError(
            "--seal-to: that is a secret key; keep it to yourself and name the public one, age1..."
        )
    if text.startswith("age1"):
        yield f"--seal-to {text}", text
        return
    lines = _lines(Path(text), "a public key (age1...), or a file that holds some")
    if any(_SECRET in line.upper() for line in lines):
        raise ConfigError(f"{text}: holds a secret key; name the .pub file that belongs to it")
    if not lines:
        raise ConfigError(f"{text}: holds no public key; expected lines that start with age1")
    yield from ((text, line) for line in lines)


def load_identities(path: Path) -> list[Any]:
    """The secret keys of a file, as the library knows them. A key typed from the recovery sheet
    may hold blanks and small letters. Raises ConfigError, which never repeats a key."""
    from_str = library().x25519.Identity.from_str
    found = []
    for line in _lines(path, "the owner's secret key"):
        key = re.sub(r"\s", "", line).upper()
        if key.startswith("AGE1"):
            raise ConfigError(f"{path}: is a public key; only the secret one opens what is sealed")
        try:
            found.append(from_str(key))
        except Exception:  # noqa: BLE001 - its message might repeat the key
            raise ConfigError(
                f"{path}: holds a line that is no secret key; it starts with {_SECRET}1 and its "
                "checksum finds typing errors: compare it with the recovery sheet"
            ) from None
    if not found:
        raise ConfigError(f"{path}: holds no secret key")
    return found


def _lines(path: Path, what: str) -> list[str]:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "is no text"
        raise ConfigError(f"{path}: cannot be read: {said}; give {what}") from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
