"""Decode and encode with PyAV and nothing between: what is left when redact does nothing.

pyav_transcode.py CLIP OUTPUT
"""

from __future__ import annotations

import sys

import av


def main(clip: str, output: str) -> None:
    with av.open(clip) as source, av.open(output, "w") as sink:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = sink.add_stream(
            "libx264", rate=video.average_rate, options={"preset": "superfast", "crf": "23"}
        )
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = video.time_base
        for frame in source.decode(video):
            frame.pict_type = 0
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
