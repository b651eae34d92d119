"""Ed25519 keys of the log: the door to the package cryptography."""

from __future__ import annotations

import base64
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redact.errors import ConfigError, MissingDependencyError, SinkError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingDependencyError(
            "an audit log needs the package cryptography, which is not installed; install it "
            "with pip install 'redact[trust]'"
        ) from error
    return ed25519, serialization


class Signer:
    """Signs with the key at `path`. Raises ConfigError when it cannot be read."""

    def __init__(self, path: Path) -> None:
        ed25519, serialization = _library()
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{path}: the key of the log cannot be read; put it back, or begin a new log"
            ) from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise ConfigError(f"{path}: is no Ed25519 key; put the log's own key back")
        self._key = key
        self.public_pem: bytes = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, data: bytes) -> bytes:
        return bytes(self._key.sign(data))


def make_key(path: Path, public: Path) -> None:
    """A new key pair; the secret half for its owner only. Raises SinkError."""
    ed25519, serialization = _library()
    key = ed25519.Ed25519PrivateKey.generate()
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        public.write_bytes(shown)
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise SinkError(
            f"{path}: the key of the log cannot be made: {error.strerror or error}"
        ) from error


def load_public(pem: bytes, name: str) -> Ed25519PublicKey:
    """Raises ConfigError."""
    ed25519, serialization = _library()
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{name}: is no public key (PEM); give the log's .pub file") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ConfigError(f"{name}: is no Ed25519 key; give the log's .pub file")
    return key  # type: ignore[no-any-return,unused-ignore]


def holds(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def fingerprint(pem: bytes) -> str:
    """To compare two keys by voice: the start of the sha256 of the key's bytes, in groups."""
    body = b"".join(line for line in pem.split() if b"-" not in line and line.isascii())
    with suppress(ValueError):
        body = base64.b64decode(pem.split(b"-----")[2])
    digest = hashlib.sha256(body).hexdigest()[:32]
    return " ".join(digest[i : i + 4] for i in range(0, 32, 4))
