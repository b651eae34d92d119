"""All tracks of a window in one table, made once for each decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from redact.structures import IntArray, Tracks

Times = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """In the order of time.

    rows: n of them. frame: (n,) int64, the frame of the window that each belongs to. time: (n,)
    seconds. frames: how many the window has.
    """

    rows: Tracks
    frame: IntArray
    time: Times
    frames: int

    @classmethod
    def of(cls, window: Sequence[Tracks], times: Sequence[float]) -> Self:
        frame = np.repeat(np.arange(len(window)), [len(tracks.xyxy) for tracks in window])
        time = np.array(times, np.float64)[frame]
        return cls(Tracks.concatenate(window), frame, time, len(window))
