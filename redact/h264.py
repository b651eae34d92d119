"""H.264 as far as copying coded pictures needs it: units, parameter sets, heads of slices.

After ITU-T H.264 (2021), clauses 7.3 and 7.4, and ISO/IEC 14496-15 for the records of mp4. What is
not understood, or allows anything that copying could not answer for, is a ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

SLICE, IDR, SEI, SPS, PPS, AUD, FILLER = 1, 5, 6, 7, 8, 9, 12
END_OF_SEQUENCE, END_OF_STREAM = 10, 11
MOST_IDS = 32  # parameter sets of one kind, as the coarser of the standard's two limits

_PROFILES = frozenset({66, 77, 100})  # Baseline, Main, High: 8 bits, 4:2:0
_EXTENDED = 100  # its records say bit depth and chroma, too
_MOST_CROPPED = 15  # luma pixels at the right and below: what fills a macroblock, no picture


@dataclass(frozen=True, slots=True)
class Coding:
    """What the coded pictures of a stream that may be copied have in common.

    parameter_sets: every SPS and PPS, without start codes. reorder: pictures that wait in the
    decoder until one that comes later is shown.
    """

    parameter_sets: tuple[bytes, ...]
    reorder: int


@dataclass(frozen=True, slots=True, eq=False)
class CodedPicture:
    """The coded picture that one frame was decoded from. Like the frame, it may show people.

    data: its slices alone, each behind a length of 4 bytes. run, order: it is number `order` in
    decoding order since the IDR picture that began the run, and refers to nothing before that.
    """

    data: bytes = field(repr=False)
    run: int
    order: int


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """An SPS. width, height: of the displayed picture. number_bits: of `frame_num`."""

    id: int
    width: int
    height: int
    number_bits: int


@dataclass(frozen=True, slots=True)
class PictureSet:
    """A PPS. sequence: id of its SPS."""

    id: int
    sequence: int


@dataclass(frozen=True, slots=True)
class SliceHead:
    """first: the slice begins its picture. number: `frame_num`. refers: later ones may refer."""

    first: bool
    picture_set: int
    number: int
    refers: bool


def kind(unit: bytes) -> int:
    """What a unit holds. Raises ValueError where it is none."""
    if len(unit) < 2 or unit[0] & 0x80:
        raise ValueError("not a unit of H.264")
    return unit[0] & 31


def units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The units of a packet without what lies between them. length_size: bytes of the length
    before each; 0 = start codes (Annex B). Raises ValueError."""
    if not length_size:
        head, *parts = data.split(b"\0\0\1")
        if head.strip(b"\0"):
            raise ValueError("bytes before the first start code")
        yield from filter(None, (part.rstrip(b"\0") for part in parts))
        return
    at = 0
    while at < len(data):
        end = at + length_size + int.from_bytes(data[at : at + length_size])
        if at + length_size > len(data) or end > len(data):
            raise ValueError("a unit is longer than its packet")
        if unit := data[at + length_size : end].rstrip(b"\0"):
            yield unit
        at = end


def packed(parts: Sequence[bytes]) -> bytes:
    """Units as mp4 and Matroska hold them, each behind its length in 4 bytes."""
    return b"".join(len(unit).to_bytes(4) + unit for unit in parts)


def parameter_sets(extradata: bytes) -> tuple[int, tuple[bytes, ...]]:
    """The length size of a stream's packets (0 = start codes) and its parameter sets, from the
    record of its container or from start codes. Raises ValueError."""
    if not extradata or extradata[0] != 1:
        found = tuple(u for u in units(extradata, 0) if kind(u) in (SPS, PPS))
        return 0, found
    sets, at = [], 5
    for mask in (31, 255):
        count, at = extradata[at : at + 1], at + 1
        for _ in range(count[0] & mask if count else 0):
            end = at + 2 + int.from_bytes(extradata[at : at + 2])
            sets.append(extradata[at + 2 : end].rstrip(b"\0"))
            at = end
    if at > len(extradata):
        raise ValueError("the record of parameter sets is cut short")
    return (extradata[4] & 3) + 1, tuple(sets)


def record(sets: Sequence[bytes]) -> bytes:
    """The record (avcC) that holds these parameter sets, for packets as `packed` makes them. It
    claims what decoders of all of them need."""
    sequences = [s for s in sets if kind(s) == SPS]
    pictures = [s for s in sets if kind(s) == PPS]
    profile, level = max(s[1] for s in sequences), max(s[3] for s in sequences)
    common = 0xFF
    for sequence in sequences:
        common &= sequence[2]
    out = bytes([1, profile, common, level, 0xFF, 0xE0 | len(sequences)])
    out += b"".join(len(s).to_bytes(2) + s for s in sequences)
    out += bytes([len(pictures)]) + b"".join(len(p).to_bytes(2) + p for p in pictures)
    return out + (bytes([0xFD, 0xF8, 0xF8, 0]) if profile >= _EXTENDED else b"")


def sequence_set(unit: bytes) -> SequenceSet:
    """Read an SPS: 8 bits, 4:2:0, frames only, every frame numbered. Raises ValueError."""
    bits = _Bits(unit[1:])
    profile = bits.take(8)
    bits.take(16)  # constraints, level
    number = bits.unsigned()
    if profile not in _PROFILES or number >= MOST_IDS:
        raise ValueError(f"profile {profile} is not one that is copied")
    if profile == _EXTENDED:
        if (bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.take(1)) != (1, 0, 0, 0):
            raise ValueError("not 8 bits and 4:2:0")
        if bits.take(1):
            _skip_scaling(bits)
    number_bits = bits.unsigned() + 4
    _skip_order(bits)
    bits.unsigned()  # reference frames
    if bits.take(1):
        raise ValueError("frames may be missing")
    width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
    if not bits.take(1):
        raise ValueError("interlaced")
    bits.take(1)
    left, right, top, bottom = (
        [2 * bits.unsigned() for _ in range(4)] if bits.take(1) else (0, 0, 0, 0)
    )
    if left or top or max(right, bottom) > _MOST_CROPPED:
        raise ValueError("coded pictures are larger than what is shown")
    return SequenceSet(number, width - right, height - bottom, number_bits)


def _skip_scaling(bits: _Bits) -> None:
    for index in range(8):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _skip_order(bits: _Bits) -> None:
    """How pictures are put into order."""
    how = bits.unsigned()
    if how == 0:
        bits.unsigned()
    elif how == 1:
        bits.take(1)
        bits.signed(), bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()


def picture_set(unit: bytes) -> PictureSet:
    """Read a PPS without slice groups or redundant pictures. Raises ValueError."""
    bits = _Bits(unit[1:])
    number, sequence = bits.unsigned(), bits.unsigned()
    bits.take(2)
    if bits.unsigned() or number > 255 or sequence >= MOST_IDS:
        raise ValueError("slice groups")
    bits.unsigned(), bits.unsigned(), bits.take(3)
    bits.signed(), bits.signed(), bits.signed()
    bits.take(2)
    if bits.take(1):
        raise ValueError("redundant pictures")
    return PictureSet(number, sequence)


def slice_head(unit: bytes, number_bits: dict[int, int]) -> SliceHead:
    """Read how a slice begins. number_bits: of `frame_num`, per id of the PPS. Raises ValueError,
    also for a PPS that is not there."""
    bits = _Bits(unit[1:25])
    first = bits.unsigned() == 0
    bits.unsigned()
    used = bits.unsigned()
    if used not in number_bits:
        raise ValueError(f"parameter set {used} is not there")
    return SliceHead(first, used, bits.take(number_bits[used]), bool(unit[0] & 0x60))


class _Bits:
    """Reads bits from the left, without the bytes that keep start codes apart."""

    def __init__(self, data: bytes) -> None:
        plain = data.replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(plain), 8 * len(plain)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("cut short")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        """An Exp-Golomb code."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("not a number")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
