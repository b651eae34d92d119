"""Do the tags of an flv follow each other, and say what they hold? Read before decoding."""

from __future__ import annotations

import math
import struct
from typing import BinaryIO

from redact.errors import SourceError
from redact.sources.truncation import ADVICE
from redact.storage import Place

_SCRIPT = 1 << 16  # bytes of a script tag that are read


def check_tags(file: BinaryIO, size: int, path: Place) -> None:
    """Raise SourceError where a tag does not follow the one before, or says that it holds something
    else than they do: FFmpeg would pass over it, and its picture would be gone in silence."""
    file.seek(5)
    at, codec = int.from_bytes(file.read(4)) + 4, None
    promised = 0.0
    while at + 15 <= size:
        file.seek(at)
        kind, length = file.read(1)[0], int.from_bytes(file.read(3))
        stream, start = file.read(7)[4:], file.read(min(length, 6))
        file.seek(at + 11 + length)
        back = int.from_bytes(file.read(4))
        whole = at + 15 + length <= size
        plausible = kind in (8, 9, 18) and not any(stream)
        if plausible and kind == 9 and start:
            codec = _codec(start, codec)
            plausible = codec is not None and _is_what_it_says(start)
        if plausible and kind == 18 and not promised:
            file.seek(at + 11)
            promised = _size_told(file.read(min(length, _SCRIPT)))
        if not plausible or (whole and back not in (0, length, length + 11)):
            raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
        at += 15 + length
    at = max(at, math.ceil(promised))
    if at > size:
        raise SourceError(f"{path}: was cut short: lacks {at - size} bytes at its end; {ADVICE}")


def _size_told(script: bytes) -> float:
    """The size of the file in bytes that its writer noted; 0 where it did not. A file cut off right
    behind a tag shows in nothing else."""
    _, found, value = script.partition(b"\0\x08filesize\0")
    told = struct.unpack(">d", value[:8])[0] if found and len(value) >= 8 else 0.0
    return float(told) if 0 < told < 1 << 53 else 0.0


def _codec(start: bytes, before: int | None) -> int | None:
    """What codes the picture of a video tag: FFmpeg passes over one that says another codec than
    the tags before, or no kind of picture. None: it does."""
    extended = start[0] >> 7  # then four letters name the codec, and half a byte the kind of packet
    codec = 16 if extended else start[0] & 15
    known = 1 <= (start[0] >> 4 & 7) <= 5
    return codec if known and before in (None, codec) else None


def _is_what_it_says(start: bytes) -> bool:
    """False where an H.264 or HEVC tag, if long enough, calls its picture a header or the end."""
    if start[0] & 15 not in (7, 12) or start[0] >> 7 or len(start) < 6:
        return True
    versions = (1,) if start[0] & 15 == 7 else (0, 1)  # the first byte of a header
    header = start[1] == 0 and start[5] in versions
    return start[1] == 1 or header
