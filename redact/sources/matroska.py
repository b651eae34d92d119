"""Does a Matroska or WebM file hold what its own elements claim? Read before decoding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from redact.errors import SourceError
from redact.sources.truncation import ADVICE
from redact.storage import Place

EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
# Void, CRC-32, SeekHead, Info, Tracks, Cluster, Cues, Attachments, Chapters, Tags
_PARTS = frozenset(
    bytes.fromhex(text)
    for text in (
        *("ec", "bf", "114d9b74", "1549a966", "1654ae6b", "1f43b675", "1c53bb6b"),
        *("1941a469", "1043a770", "1254c367"),
    )
)

_CLUSTER, _TRACKS = b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b"
_SIMPLE_BLOCK, _GROUP, _BLOCK = b"\xa3", b"\xa0", b"\xa1"
_TRACK, _NUMBER = b"\xae", b"\xd7"
# Timestamp, Position and PrevSize are numbers; then CRC-32, SilentTracks, SimpleBlock, BlockGroup,
# Void. A picture whose name was damaged into one of these is mostly too long for it.
_IN_CLUSTERS = {
    **{b"\xe7": 8, b"\xa7": 8, b"\xab": 8, b"\xbf": 4},
    **{b"\x58\x54": 1 << 16, _SIMPLE_BLOCK: 1 << 56, _GROUP: 1 << 56, b"\xec": 1 << 56},
}
_HEAD = 4  # bytes before what a block holds, at least: track, time, flags


def segment_end(file: BinaryIO, size: int, path: Place, blocks: Counter[int]) -> int:
    """Where the Segment of a Matroska file ends; 0 when its size was never written.

    Raises SourceError when its parts do not follow each other without a gap: FFmpeg would skip
    to the next part that it knows, and every picture between would be gone in silence. blocks:
    gets how many of them each track has, as far as parts say how long they are.
    """
    file.seek(len(EBML))
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
        if kind == _TRACKS and begins + part <= size:
            blocks.update(dict.fromkeys(_tracks(file, begins + part), 0))
        if kind == _CLUSTER and begins + part <= size:
            _check_cluster(file, begins + part, path, blocks)
        at = begins + part
    return max(at, end)


def _check_cluster(file: BinaryIO, end: int, path: Place, blocks: Counter[int]) -> None:
    """Raise SourceError unless a cluster is filled by elements that belong there, and its blocks
    are of tracks that there are."""
    while (at := file.tell()) < end:
        kind, length = _element(file), _size(file)
        inner = file.tell()
        fits = length is not None and length <= _IN_CLUSTERS.get(kind, -1)
        if not fits or length is None or inner + length > end:
            raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
        if kind in (_SIMPLE_BLOCK, _GROUP):
            holds = _length_in(file, _BLOCK, inner + length) if kind == _GROUP else length
            track = _size(file) if holds else None
            if holds is None or track is None or (blocks and track not in blocks):
                raise SourceError(f"{path}: is damaged at byte {at}; {ADVICE}")
            blocks[track] += holds > _HEAD
        file.seek(inner + length)


def _tracks(file: BinaryIO, end: int) -> Iterator[int]:
    """The numbers of all tracks."""
    while file.tell() < end:
        kind, length = _element(file), _size(file)
        after = file.tell() + (length or 0)
        if length is None or after > end:
            return
        if kind == _TRACK and (size := _length_in(file, _NUMBER, after)):
            yield int.from_bytes(file.read(min(size, 8)))
        file.seek(after)


def _length_in(file: BinaryIO, wanted: bytes, end: int) -> int | None:
    """Go to what the first such element holds, and say how long that is; None without one."""
    while file.tell() < end:
        kind, length = _element(file), _size(file)
        if length is None or file.tell() + length > end:
            return None
        if kind == wanted:
            return length
        file.seek(length, 1)
    return None


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
