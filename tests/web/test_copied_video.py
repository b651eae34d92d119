"""A browser plays and seeks in a file of copied and of encoded pictures, frame for frame."""

from __future__ import annotations

import base64
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from redact.config import OutputOptions
from redact.sinks import PyAVSink
from redact.sources import PyAVSource
from redact.structures import redacted

COUNT, RATE, BITS = 48, 12, 6
_PLAYER = """async ([data, times]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const failed = new Promise((_, no) => { video.onerror = () => no(video.error.message); });
  const event = name => Promise.race([failed, new Promise(yes => {
    video.addEventListener(name, yes, { once: true });
  })]);
  const loaded = event("loadeddata");
  video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  await loaded;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const seen = [];
  for (const time of times) {
    // "seeked" may come before the picture does
    const shown = new Promise(yes => video.requestVideoFrameCallback(yes));
    const sought = event("seeked");
    video.currentTime = time;
    await sought;
    await Promise.race([failed, shown]);
    paint.drawImage(video, 0, 0);
    const row = paint.getImageData(0, canvas.height / 2, canvas.width, 1).data;
    seen.push(Array.from({ length: 6 }, (_, bit) => row[4 * (16 * bit + 8)]));
  }
  const ended = event("ended");
  video.currentTime = 0;
  video.playbackRate = 4;
  await video.play();
  await ended;
  return [seen, video.duration, video.getVideoPlaybackQuality().totalVideoFrames];
}"""


def numbered(path: Path, reordered: bool) -> None:
    """Each frame shows its number, as bars for its bits."""
    options = {"preset": "veryfast", "crf": "20", "bf": "3" if reordered else "0"}
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = 16 * BITS, 64, "yuv420p"
        stream.codec_context.gop_size = 12
        for index in range(COUNT):
            grey = np.full((96, 16 * BITS), 128, np.uint8)
            for bit in range(BITS):
                grey[:64, 16 * bit : 16 * bit + 16] = 220 if index >> bit & 1 else 30
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
        file.mux(stream.encode(None))


def spliced(source_path: Path, out: Path, busy: set[int]) -> int:
    with PyAVSource(source_path) as source, PyAVSink(out, OutputOptions()) as sink:
        sink.open(source.info)
        for frame in source:
            flat = (np.full_like(frame.y, 128), frame.u.copy(), frame.v.copy())
            sink.write(redacted(frame, flat if frame.index in busy else None, 0))
    return sink.copied


@pytest.mark.parametrize("reordered", [False, True])
def test_chromium_shows_every_frame_at_its_time(page: Any, tmp_path: Path, reordered: bool) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    numbered(source, reordered)
    busy = {0, 1, 2, 17, 18, 40}
    assert 8 < spliced(source, out, busy) < COUNT - len(busy)
    order = list(range(COUNT))
    random.Random(2).shuffle(order)
    times = [float(Fraction(2 * index + 1, 2 * RATE)) for index in order]
    page.goto("about:blank")
    seen, lasts, played = page.evaluate(
        _PLAYER, [base64.b64encode(out.read_bytes()).decode(), times]
    )
    assert lasts == pytest.approx(COUNT / RATE, abs=0.01)
    assert played > COUNT
    for index, levels in zip(order, seen, strict=True):
        if index in busy:
            assert all(100 < level < 160 for level in levels), index
        else:
            assert [level > 128 for level in levels] == [bool(index >> b & 1) for b in range(BITS)]
