"""What an output does not keep as it was, and why: said in the report."""

from __future__ import annotations

from fractions import Fraction

from redact.sinks.pictures import Pictures
from redact.structures import StreamInfo


def notes_of(info: StreamInfo, pictures: Pictures, shift: int, tick: Fraction) -> tuple[str, ...]:
    """shift: ticks of the stream by which all times moved. tick: seconds to which the container
    rounds times; 0 when it keeps them exactly."""
    notes = []
    if pictures.padded:
        notes.append(
            f"odd size {info.width}x{info.height}: the last column or row is stored twice, "
            f"as {pictures.width}x{pictures.height} before turning"
        )
    if shift:
        start = float(shift * info.time_base)
        notes.append(f"times began before zero: all are {start:.6f} s later in the output")
    if tick and (info.time_base / tick).denominator != 1:
        notes.append(f"times are rounded to {float(tick * 1000):g} ms, as this container has")
    return tuple(notes)
