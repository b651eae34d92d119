"""Readers of objects. Nothing touches a disk: small objects lie in memory whole, of large ones
a few blocks."""

from __future__ import annotations

import io
import threading
from typing import Any

from redact.storage.seeking import Seekable
from redact.storage.store import StoreError, fetch

_WHOLE = 96 << 20  # bytes up to which an object is fetched once, and kept while it is worked on
_BLOCK = 4 << 20  # bytes fetched at a time of larger ones
_BLOCKS = 8  # of them kept per reader
Where = tuple[str, str, str]  # bucket, key, entity tag
_lock = threading.Lock()
_kept: dict[Where, bytes] = {}


def reader(where: Where, size: int, name: str) -> io.BytesIO | io.BufferedReader:
    """A seekable reader of one version of an object. Raises OSError."""
    if size > _WHOLE:
        return io.BufferedReader(_Blocks(where, size, name), _BLOCK)
    with _lock:
        data = _kept.get(where)
    if data is None:
        data = fetch(*where, None, name)
        if len(data) != size:
            raise StoreError(5, f"gave {len(data)} of {size} bytes", name)
        with _lock:
            _kept.clear()
            _kept[where] = data
    return io.BytesIO(data)


def forget() -> None:
    """Drop what is kept of the object that was worked on."""
    with _lock:
        _kept.clear()


class _Blocks(Seekable):
    """Blocks of an object, the last few of them cached."""

    def __init__(self, where: Where, size: int, name: str) -> None:
        from fsspec.caching import BlockCache

        super().__init__(size)
        self._cache: Any = BlockCache(
            _BLOCK, lambda a, b: fetch(*where, (a, min(b, size)), name), size, _BLOCKS
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        data: bytes = self._cache._fetch(self._at, end)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
