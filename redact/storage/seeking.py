"""A place in bytes that lie elsewhere: what readers and writers of such bytes have in common."""

from __future__ import annotations

import io


class Seekable(io.RawIOBase):
    """size: bytes up to the end, which a writer moves."""

    def __init__(self, size: int = 0) -> None:
        self._size = size
        self._at = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at
