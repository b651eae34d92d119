"""Does a file hold all the bytes that its own outermost boxes claim? Read before decoding.

Finds the recording that was cut short even where no duration is promised, as in mp4 made of
fragments, and before any time is spent on it. A file whose header was never completed claims
nothing and passes.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from redact.errors import SourceError
from redact.sources.flv import check_tags
from redact.sources.truncation import ADVICE
from redact.storage import Place

_CHUNK = 1 << 20
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
# Void, CRC-32, SeekHead, Info, Tracks, Cluster, Cues, Attachments, Chapters, Tags
_PARTS = frozenset(
    bytes.fromhex(text)
    for text in (
        *("ec", "bf", "114d9b74", "1549a966", "1654ae6b", "1f43b675", "1c53bb6b"),
        *("1941a469", "1043a770", "1254c367"),
    )
)

_CLUSTER = b"\x1f\x43\xb6\x75"
# Timestamp, SilentTracks, Position, PrevSize, SimpleBlock, BlockGroup, EncryptedBlock, Void, CRC-32
_IN_CLUSTERS = frozenset(
    bytes.fromhex(text) for text in ("e7", "5854", "a7", "ab", "a3", "a0", "af", "ec", "bf")
)
_IN_FRAGMENTS = frozenset(
    text.encode()
    for text in (
        *("mfhd", "traf", "tfhd", "tfdt", "trun", "sdtp", "saiz", "saio", "sbgp", "sgpd", "senc"),
        *("subs", "pssh", "uuid", "free", "skip", "meta", "udta"),
    )
)


def check_whole(path: Place) -> None:
    """Raise SourceError when an mp4, mov, avi, mkv, webm or flv lacks bytes at its end or is broken
    between its parts, OSError when it cannot be read. Other files pass."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"AVI ":
            end = _riff_end(file, size)
            if end <= size:
                _check_chunks(file, end, path)
        elif head[:4] == _EBML:
            end = _segment_end(file, size, path)
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
    if fragments and at < size and not _is_zero(file, at):
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
        inner += 8 if kind == b"traf" else size  # its boxes follow, and are walked too


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


def _segment_end(file: BinaryIO, size: int, path: Place) -> int:
    """Where the Segment of a Matroska file ends; 0 when its size was never written.

    Raises SourceError when its parts do not follow each other without a gap: FFmpeg would skip
    to the next part that it knows, and every picture between would be gone in silence.
    """
    file.seek(len(_EBML))
    header = _size(file) or 0
    file.seek(header, 1)
    if file.read(len(_SEGMENT)) != _SEGMENT:
        return 0
    length = _size(file)
    if length is None:
        return 0
    end = file.tell() + length
    at = file.tell()
    while at < min(end, size):
        file.seek(at)
        kind = _element(file)
        part = _size(file)
        if kind not in _PARTS:
            raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
        if part is None:
            return end
        begins = file.tell()
        if kind == _CLUSTER and begins + part <= size:
            _check_cluster(file, begins + part, path)
        at = begins + part
    return max(at, end)


def _check_cluster(file: BinaryIO, end: int, path: Place) -> None:
    """Raise SourceError unless a cluster is filled by elements that belong there."""
    while (at := file.tell()) < end:
        kind, length = _element(file), _size(file)
        inner = file.tell()
        if kind not in _IN_CLUSTERS or length is None or inner + length > end:
            raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
        file.seek(inner + length)


def _element(file: BinaryIO) -> bytes:
    """The identifier of the EBML element that begins here, at most four bytes."""
    first = file.read(1)
    more = 8 - first[0].bit_length() if first else 0
    return first + file.read(more if more < 4 else 0)


def _size(file: BinaryIO) -> int | None:
    """An EBML size: the count of leading zero bits says how many bytes follow. All ones mean
    that it is not known: None."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(first + file.read(more)) & ((1 << 7 * (more + 1)) - 1)
    return None if value == (1 << 7 * (more + 1)) - 1 else value
