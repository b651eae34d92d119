"""A file to write into, whose content leaves in parts and whose beginning can be changed to
the last.

Muxers of mp4 and Matroska go back once, at the end, to the first bytes of what they wrote: to
the size of the media data, to the duration. Parts of a multipart upload may be sent in any
order; so the first one is held back, and an ordinary file with an index and exact times comes
out, which every player and the verification know, without fragments and without a second copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redact.storage.seeking import Seekable

PART = 8 << 20  # bytes; the store wants 5 MiB at least and takes 10,000 parts: 78 GiB


class PartWriter(Seekable):
    """send: called with the number of a part, from 1, and its bytes; the first comes last.

    Memory: two parts. Raises OSError for a step back behind the first part.
    """

    def __init__(self, send: Callable[[int, bytes], None], part: int = PART) -> None:
        super().__init__()
        self._send = send
        self._part = part
        self._first = bytearray()
        self._tail = bytearray()
        self._sent = 0  # parts after the first
        self._finished = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._finished:  # a muxer that is closed after a failure
            return len(data)
        left = memoryview(data).cast("B")
        count = len(left)
        while left:
            left = left[self._put(left) :]
        return count

    def _put(self, data: memoryview) -> int:
        """Write what fits into one part; how much that was."""
        kept = self._part * (1 + self._sent)  # where the tail begins
        if self._at > self._size or self._part <= self._at < kept:
            raise OSError(29, "a muxer went back to what has been sent; write .mp4 instead")
        if self._at < self._part:
            buffer, at = self._first, self._at
        else:
            buffer, at = self._tail, self._at - kept
        chunk = data[: self._part - at]
        buffer[at : at + len(chunk)] = chunk
        self._at += len(chunk)
        self._size = max(self._size, self._at)
        if buffer is self._tail and len(buffer) == self._part:
            self._send_tail()
        return len(chunk)

    def _send_tail(self) -> None:
        self._send(self._sent + 2, bytes(self._tail))
        self._sent += 1
        self._tail = bytearray()

    def finish(self) -> None:
        """Send the rest, then the first part."""
        if self._finished:
            return
        self._finished = True
        if self._tail:
            self._send_tail()
        self._send(1, bytes(self._first))
        self._first = bytearray()
