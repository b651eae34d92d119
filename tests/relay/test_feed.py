"""A feed holds up nobody, and its output never gets anything but whole groups of pictures."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import cast

from av.video.stream import VideoStream
from rtsp_scenes import wait_for

from redact.errors import SinkError
from redact.relay.feed import Feed
from redact.relay.health import OutputHealth
from redact.sinks.live import Coded, CodedStream


class Kept:
    """An output in memory. gate: write() waits for it. fails: so many writes are errors."""

    def __init__(self, fails: int = 0) -> None:
        self.said: list[object] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fails = fails

    def start(self, stream: CodedStream) -> None:
        self.said.append(("start", stream.generation))

    def write(self, packet: Coded) -> None:
        self.gate.wait(20)
        if self.fails:
            self.fails -= 1
            raise SinkError("full")
        self.said.append(packet.pts)

    def event(self, name: str, active: bool) -> None:
        self.said.append((name, active))

    def finish(self) -> None:
        self.said.append("finish")

    def abandon(self) -> None:
        self.said.append("abandon")


def stream(generation: int) -> CodedStream:
    return CodedStream(generation, cast(VideoStream, None), 64, 48)


def packet(pts: int) -> Coded:
    return Coded(b"", pts, pts, 1, pts % 10 == 0)


def feed_of(output: Kept) -> tuple[Feed, OutputHealth]:
    health = OutputHealth("memory")
    return Feed(output, health, "test", lambda _text: None), health


def test_it_begins_at_a_key_frame_and_ends_with_finish() -> None:
    output = Kept()
    feed, health = feed_of(output)
    feed.start(stream(1))
    for pts in range(5, 15):
        feed.packet(packet(pts))
    assert feed.close(10)
    assert output.said == [("start", 1), *range(10, 15), "finish"]
    assert health.dropped == 5


def test_an_output_that_hangs_holds_up_nobody_and_goes_on_at_a_key_frame() -> None:
    output = Kept()
    feed, health = feed_of(output)
    output.gate.clear()
    feed.start(stream(1))
    for pts in range(1000):  # returns at once, or this test never ends
        feed.packet(packet(pts))
    assert not health.up
    output.gate.set()
    wait_for(lambda: health.packets >= 256)
    for pts in range(1003, 1015):
        feed.packet(packet(pts))
    assert feed.close(10)
    written = [pts for pts in output.said if isinstance(pts, int)]
    after_gaps = [b for a, b in pairwise(written) if b != a + 1]
    assert after_gaps[-1] == 1010
    assert all(pts % 10 == 0 for pts in after_gaps)


def test_after_a_failure_it_starts_anew() -> None:
    output = Kept(fails=1)
    feed, health = feed_of(output)
    feed.start(stream(1))
    feed.packet(packet(0))
    wait_for(lambda: "abandon" in output.said)
    assert not health.up

    def again() -> bool:
        feed.packet(packet(10))
        return health.up

    wait_for(again)
    assert feed.close(10)
    assert output.said[:4] == [("start", 1), "abandon", ("start", 1), 10]


def test_a_change_of_encoder_loses_nothing_of_the_one_before_though_the_output_is_slow() -> None:
    output = Kept()
    feed, health = feed_of(output)
    output.gate.clear()
    feed.start(stream(1))
    for pts in (0, 1, 2):
        feed.packet(packet(pts))
    feed.start(stream(2))
    feed.packet(packet(11))  # no key frame: of no use to a new stream
    feed.packet(packet(20))
    output.gate.set()
    assert feed.close(10)
    assert output.said == [("start", 1), 0, 1, 2, ("start", 2), 20, "finish"]
    assert health.dropped == 1
