"""Inside a camera: NV12 buffers in, redacted NV12 out, in the same memory.

    python samples/embed/camera_maker.py

The contract of `Redactor`:

- push(frame) returns the frames that are finished, 0 or 1 of them, `delay` frames late; flush()
  the rest, after which it is as new. Every frame comes out exactly once, in order.
- The planes of a pushed frame belong to the redactor until that frame came out: `delay` + 1
  buffers must be in the ring, or the planes be copied.
- One thread at a time per redactor; one redactor per stream; a detector is shared by all.
- Memory: the held frames, plus under 20 MB of state per stream.
- on_failure="hide": a stage that fails hides that frame whole, and never raises. MemoryError and
  a failing effect do raise: send nothing then.

From C: fill a buffer that both sides map (a DMA-BUF mapped with mmap, or shared memory), hand
Python its file descriptor and the strides, and wait for the index of the buffer that is free to be
sent. `Plane` below is all that crosses: an address, rows, columns and a stride.
"""

from __future__ import annotations

import mmap
from collections import deque
from fractions import Fraction

import numpy as np

import redact

WIDTH, HEIGHT, STRIDE, FPS = 640, 360, 704, 15  # hardware pads rows
SIZE = STRIDE * HEIGHT * 3 // 2


def planes(buffer: mmap.mmap) -> tuple[np.ndarray, np.ndarray]:
    """Views of NV12 in mapped memory: (height, width), and (rows, columns, 2). No copy."""
    y = np.ndarray((HEIGHT, WIDTH), np.uint8, buffer, 0, (STRIDE, 1))
    uv = np.ndarray((HEIGHT // 2, WIDTH // 2, 2), np.uint8, buffer, STRIDE * HEIGHT, (STRIDE, 2, 1))
    return y, uv


def frame_of(buffer: mmap.mmap, index: int) -> redact.Frame:
    """A frame on the buffer's own memory; only u and v are parted, which is a small copy."""
    y, uv = planes(buffer)
    u, v = np.ascontiguousarray(uv[..., 0]), np.ascontiguousarray(uv[..., 1])
    for plane in (y, u, v):
        plane.flags.writeable = False
    return redact.Frame(y, u, v, pts=index, time_base=Fraction(1, FPS), index=index)


def write_back(buffer: mmap.mmap, frame: redact.RedactedFrame) -> None:
    """Put what is hidden into the buffer; nothing to do where nothing was."""
    if frame.hidden:
        y, uv = planes(buffer)
        y[:], uv[..., 0], uv[..., 1] = frame.y, frame.u, frame.v


def main() -> int:
    """A camera of 60 noisy frames; returns how many were sent."""
    config = redact.Config(zone=redact.Zone.nothing(), look_back=10)
    info = redact.StreamInfo(WIDTH, HEIGHT, time_base=Fraction(1, FPS), live=True)
    redactor = redact.make_redactor(info, config, redact.load_detector(config), on_failure="hide")
    free = deque(mmap.mmap(-1, SIZE) for _ in range(redactor.delay + 1))
    busy: deque[mmap.mmap] = deque()
    sent = 0
    random = np.random.default_rng(0)
    for index in range(60):
        buffer = free.popleft()
        buffer[:] = random.integers(0, 256, SIZE, np.uint8).tobytes()  # the camera writes
        busy.append(buffer)
        finished = redactor.push(frame_of(buffer, index))
        if index == 59:
            finished += redactor.flush()
        for frame in finished:
            buffer = busy.popleft()
            write_back(buffer, frame)
            sent += 1  # the encoder takes the buffer from here
            free.append(buffer)
    return sent


if __name__ == "__main__":
    print(f"{main()} frames sent")
