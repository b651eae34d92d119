"""Does a file hold all the bytes that its own outermost boxes claim? Read before decoding.

Finds the recording that was cut short even where no duration is promised, as in mp4 made of
fragments, and before any time is spent on it. A file whose header was never completed claims
nothing and passes.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import BinaryIO

from redact.errors import SourceError
from redact.sources.flv import check_tags
from redact.sources.matroska import EBML, segment_end
from redact.sources.truncation import ADVICE
from redact.storage import Place

_CHUNK = 1 << 20
_SECTOR = 512
_IN_FRAGMENTS = frozenset(
    text.encode()
    for text in (
        *("mfhd", "traf", "tfhd", "tfdt", "trun", "sdtp", "saiz", "saio", "sbgp", "sgpd", "senc"),
        *("subs", "pssh", "uuid", "free", "skip", "meta", "udta"),
    )
)


def check_whole(path: Place, blocks: Counter[int]) -> None:
    """Raise SourceError when an mp4, mov, avi, mkv, webm or flv lacks bytes at its end or is broken
    between its parts, OSError when it cannot be read. Other files pass. blocks: gets how many
    pictures or sounds each track of a Matroska file has, by its number."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"AVI ":
            end = _riff_end(file, size)
            if end <= size:
                _check_chunks(file, end, path)
        elif head[:4] == EBML:
            end = segment_end(file, size, path, blocks)
        elif head[:3] == b"FLV":
            check_tags(file, size, path)
            return
        elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp"):
            end = _boxes_end(file, size, path)
        else:
            return
    if end > size:
        raise SourceError(f"{path}: was cut short: lacks {end - size} bytes at its end; {ADVICE}")


def _boxes_end(file: BinaryIO, size: int, path: Place) -> int:
    """Where the last top-level box of an mp4 or mov ends."""
    last, at, fragments = b"", 0, False
    while at + 8 <= size:
        length, kind = _box(file, at, size)
        if length < 8 or not kind.isalnum():
            more = any(_holds(file, at, word) for word in (b"moof", b"traf", b"mfra"))
            if last in (b"moof", b"mdat", b"moov") and more:
                raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
            break
        fragments |= kind == b"moof"
        if kind == b"moof" and at + length <= size:
            _check_fragment(file, at, length, path)
        last, at = kind, at + length
    if at == size and last == b"moof":
        raise SourceError(f"{path}: was cut short: its last fragment has no picture data; {ADVICE}")
    # The first bytes of a box are mostly zeros: its length. Padding ends with a sector.
    begun = size - at < 8 and size % _SECTOR
    if fragments and at < size and (begun or not _is_zero(file, at)):
        raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
    return at  # zero padding, or foreign bytes behind the last box of a file with an index


def _check_fragment(file: BinaryIO, at: int, length: int, path: Place) -> None:
    """Raise SourceError unless a moof and its tracks are filled by boxes that belong there: FFmpeg
    passes over a fragment that it does not understand."""
    end, inner = at + length, at + 8
    while inner < end:
        size, kind = _box(file, inner, end)
        if kind not in _IN_FRAGMENTS or size < 8 or inner + size > end:
            raise SourceError(f"{path}: is damaged at byte {inner}; {ADVICE}")
        if kind == b"trun" and not _counts_right(file, inner, size):
            raise SourceError(f"{path}: is damaged at byte {inner}; {ADVICE}")
        inner += 8 if kind == b"traf" else size  # its boxes follow, and are walked too


def _counts_right(file: BinaryIO, at: int, size: int) -> bool:
    """Whether a trun is as long as the pictures that it counts make it: fewer would be a loss."""
    file.seek(at + 8)
    flags, count = struct.unpack(">II", file.read(8))
    once = 4 * (flags & 5).bit_count()  # offset of the data, flags of the first picture
    return bool(size == 16 + once + count * 4 * (flags & 0xF00).bit_count())


def _holds(file: BinaryIO, at: int, word: bytes) -> bool:
    file.seek(at)
    tail = b""
    while chunk := file.read(_CHUNK):
        if word in tail + chunk:
            return True
        tail = chunk[-len(word) + 1 :]
    return False


def _is_zero(file: BinaryIO, at: int) -> bool:
    file.seek(at)
    while chunk := file.read(_CHUNK):
        if chunk.strip(b"\0"):
            return False
    return True


def _box(file: BinaryIO, at: int, size: int) -> tuple[int, bytes]:
    """(length in bytes, kind) of the box at byte `at`."""
    file.seek(at)
    header = file.read(16)
    length, kind = struct.unpack(">I4s", header[:8])
    if length == 1 and len(header) == 16:
        length = struct.unpack(">Q", header[8:])[0]
    elif length == 0 and kind != b"\0\0\0\0":
        length = size - at
    return length, kind


def _riff_end(file: BinaryIO, size: int) -> int:
    """Where the last RIFF list of an avi ends; large files have several."""
    at = 0
    while at + 12 <= size:
        file.seek(at)
        kind, length, _ = struct.unpack("<4sI4s", file.read(12))
        if kind != b"RIFF" or length < 4:
            return at
        at += 8 + length + length % 2
    return at - 1  # the padding byte of an odd list may be missing


def _check_chunks(file: BinaryIO, end: int, path: Place) -> None:
    """Raise SourceError where a chunk of an avi does not follow the one before: FFmpeg would look
    for the next that it knows, and what is between would be gone in silence."""
    at, padded = 12, None
    while at + 8 <= end:
        kind, length = _chunk(file, at)
        if not _is_name(kind):
            if kind == bytes(4) and not _holds(file, at, b"idx1") and not _holds(file, at, b"movi"):
                return  # zero padding: harmless
            raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
        if kind in (b"LIST", b"RIFF"):
            at += 12  # what it holds follows, and is walked too
            continue
        at += 8 + length
        if length % 2 and at + 8 <= end:
            if padded is None:  # some writers forget this byte: then all of them
                padded = not _is_name(_chunk(file, at)[0])
            at += padded
    if at > end + 2:  # two bytes of padding may be missing
        raise SourceError(f"{path}: is damaged before byte {end}; {ADVICE}")


def _chunk(file: BinaryIO, at: int) -> tuple[bytes, int]:
    file.seek(at)
    kind, length = struct.unpack("<4sI", file.read(8))
    return kind, length


def _is_name(kind: bytes) -> bool:
    return kind.replace(b" ", b"").replace(b"_", b"").isalnum()
