"""ObjectPath: an object or a prefix of an S3 store, with the methods of `pathlib.Path` that
are used on inputs and outputs."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath, PurePosixPath
from typing import Any, Literal

from redact.errors import ConfigError
from redact.storage.reading import forget, reader
from redact.storage.store import StoreError, TakenError, call

__all__ = ["ObjectPath", "StoreError", "TakenError", "forget"]


@dataclass(frozen=True, slots=True)
class Stat:
    """As of `os.stat`: the type, bytes, and nanoseconds since the epoch of the last change."""

    st_mode: int
    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """`s3://BUCKET/KEY`. An empty key is the bucket. over: the version of the object that a
    draft may be published over; None = only where there is nothing."""

    bucket: str
    key: str
    over: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, rest: str) -> ObjectPath:
        """`BUCKET/KEY`, with or without a slash at its end. Raises ConfigError."""
        bucket, _, key = rest.partition("/")
        parts = key.strip("/").split("/") if key.strip("/") else []
        if not bucket or any(part in ("", ".", "..") for part in parts):
            raise ConfigError(f"s3://{rest}: is not s3://BUCKET/KEY")
        return cls(bucket, "/".join(parts))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}".rstrip("/")

    # -- the name -----------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name

    @property
    def stem(self) -> str:
        return PurePosixPath(self.key).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> ObjectPath:
        return ObjectPath(self.bucket, self.key.rpartition("/")[0])

    @property
    def prefix(self) -> str:
        """What all keys below it begin with."""
        return f"{self.key}/" if self.key else ""

    def with_name(self, name: str) -> ObjectPath:
        return ObjectPath(self.bucket, self.parent.prefix + name)

    def __truediv__(self, below: str | PurePath) -> ObjectPath:
        return ObjectPath(self.bucket, f"{self.prefix}{below}")

    def is_relative_to(self, other: object) -> bool:
        if not isinstance(other, ObjectPath) or other.bucket != self.bucket:
            return False
        return self == other or self.key.startswith(other.prefix)

    def resolve(self) -> ObjectPath:
        return self

    # -- the store ----------------------------------------------------------------------------

    def _head(self) -> dict[str, Any] | None:
        if not self.key:
            return None
        try:
            return call("head_object", str(self), Bucket=self.bucket, Key=self.key)
        except FileNotFoundError:
            return None

    def stat(self) -> Stat:
        """Raises FileNotFoundError, OSError."""
        head = self._head()
        if head is None:
            raise FileNotFoundError(2, "no such object", str(self))
        changed = int(head["LastModified"].timestamp() * 1_000_000_000)
        return Stat(stat.S_IFREG | 0o444, int(head["ContentLength"]), changed)

    def version(self) -> str | None:
        """The entity tag: another content has another one. None where there is no object."""
        head = self._head()
        return None if head is None else str(head["ETag"])

    def run(self) -> str:
        """The run that wrote it, empty if none is noted."""
        return str((self._head() or {}).get("Metadata", {}).get("redact-run", ""))

    def draft_token(self) -> str:
        """The draft that it was published from, empty if none is noted."""
        return str((self._head() or {}).get("Metadata", {}).get("redact-draft", ""))

    def is_file(self) -> bool:
        return self._head() is not None

    def is_dir(self) -> bool:
        """Whether anything lies below it."""
        try:
            found = call(
                "list_objects_v2",
                str(self),
                Bucket=self.bucket,
                Prefix=self.prefix,
                MaxKeys=1,
            )
        except FileNotFoundError:
            return False
        return bool(found.get("Contents"))

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def is_symlink(self) -> bool:
        return False

    def open(self, mode: Literal["rb"]) -> io.BytesIO | io.BufferedReader:  # noqa: ARG002 - as of Path
        """A seekable reader of what is there now, in memory alone. Raises OSError."""
        head = self._head()
        if head is None:
            raise FileNotFoundError(2, "no such object", str(self))
        where = (self.bucket, self.key, str(head["ETag"]))
        return reader(where, int(head["ContentLength"]), str(self))

    def read_bytes(self) -> bytes:
        with self.open("rb") as file:
            return file.read()

    def unlink(self, missing_ok: bool = False) -> None:
        if not missing_ok and not self.is_file():
            raise FileNotFoundError(2, "no such object", str(self))
        call("delete_object", str(self), Bucket=self.bucket, Key=self.key)

    def unlink_version(self, version: str | None) -> None:
        """Remove it if it is still this one: what others have put there since stays."""
        if version is not None and self.version() == version:
            self.unlink(missing_ok=True)

    def walk(self) -> Iterator[ObjectPath]:
        """All objects below, in order of key; keys that stand for folders left out."""
        return self.below(self.prefix)

    def below(self, prefix: str) -> Iterator[ObjectPath]:
        """All objects of the bucket whose key begins so. Raises OSError."""
        more: dict[str, str] = {}
        while True:
            page = call("list_objects_v2", str(self), Bucket=self.bucket, Prefix=prefix, **more)
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    yield replace(self, key=entry["Key"])
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}
