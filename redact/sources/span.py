"""What one piece of a long clip reads and writes; see `redact.sources.piece`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Times in ticks of the stream. begin: a key frame at which reading begins; first, end: of
    the frames that are written (end None: to the end of the clip). after: frames that are read
    beyond `end`. past: key frames before `begin` that teach the motion net, ascending."""

    begin: int
    first: int
    end: int | None
    after: int
    past: tuple[int, ...] = ()

    def writes(self, pts: int) -> bool:
        return self.first <= pts and (self.end is None or pts < self.end)
