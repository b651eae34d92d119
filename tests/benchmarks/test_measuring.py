"""The tools of measurement measure what they say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from benchmarks import ceilings, clips, counting, footage, peers
from benchmarks.harness import interleaved, ratios, spend
from benchmarks.schema import BenchmarkError, Leak

ROOT = Path(__file__).resolve().parents[2]


def test_rounds_are_interleaved_and_warm_up_counts_for_nothing() -> None:
    asked: list[tuple[str, int]] = []
    answers = interleaved(
        {name: lambda at, n=name: asked.append((n, at)) or at for name in "ab"}, 2, warmup=1
    )
    assert asked == [("a", -1), ("b", -1), ("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert answers == {"a": [0, 1], "b": [0, 1]}


def test_ratios_are_of_the_same_round() -> None:
    assert ratios([2, 8], [1, 4]).low == 2 == ratios([2, 8], [1, 4]).high
    assert ratios([6], [1, 2, 3]).median == 3


def test_a_program_is_charged_its_own_memory_time_and_processors() -> None:
    ballast = np.ones(300 << 20, np.uint8)  # held here, and no part of what is started
    small = spend([sys.executable, "-c", "print('done')"], "small")
    assert small.said == "done\n"
    assert small.peak < 100
    large = spend([sys.executable, "-c", "x = b'1' * (200 << 20)"], "large")
    assert 200 < large.peak < 300
    assert len(ballast)
    idle = spend([sys.executable, "-c", "import time; time.sleep(0.3)"], "idle")
    assert idle.seconds >= 0.3
    assert idle.cpu < idle.seconds


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([sys.executable, "-c", "import sys; sys.exit('no clip')"], "code 1: no clip"),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], "code 137"),
        (["no-such-program"], "no-such-program"),
    ],
)
def test_a_program_that_fails_is_one_clear_error(command: list[str], said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        spend(command, "it")


def test_work_is_counted_from_the_graph(tmp_path: Path) -> None:
    path = tmp_path / "one.xml"
    ov = counting.openvino()
    model, flop = ceilings._convolutions(quantised=False)
    ov.save_model(model, str(path), compress_to_fp16=False)
    work = counting.count(path, 48, 48) if model.inputs[0].shape[1] == 3 else None
    assert work is None  # no picture of three channels: counted by hand below
    weights = np.ones((8, 3, 3, 3), np.float32)
    import openvino.opset13 as op

    picture = op.parameter([1, 3, 32, 64], np.float32)
    value = op.convolution(picture, op.constant(weights), [2, 2], [1, 1], [1, 1], [1, 1])
    ov.save_model(ov.Model([op.relu(value)], [picture], "conv"), str(path), compress_to_fp16=False)
    counted = counting.count(path, 32, 64, batch=2)
    assert counted.gflop == pytest.approx(2 * 16 * 32 * 8 * 27 / 1e9)
    floats = 3 * 32 * 64 + 8 * 16 * 32 + 8 * 27 / 2  # weights are read once for both pictures
    assert counted.mbyte == pytest.approx(4 * floats / 1e6)
    assert counted.int8 == 0
    assert flop == 2 * 8 * 48 * 48 * 128 * 128 * 9


def test_the_embedded_network_is_counted_as_int8_and_its_twin_as_float() -> None:
    weights = ROOT / "redact" / "detectors" / "weights"
    int8 = counting.count(weights / "redact-n.xml", 384, 640)
    float_ = counting.count(weights / "redact-n-float.xml", 384, 640)
    assert int8.gflop == pytest.approx(float_.gflop)
    assert int8.int8 > 0.9
    assert float_.int8 == 0
    assert int8.mbyte < 0.4 * float_.mbyte
    half = counting.count(weights / "redact-n-float.xml", 384, 640, precision="float16")
    assert half.mbyte == pytest.approx(float_.mbyte / 2)


def test_ceilings_are_above_zero_and_arithmetic_of_int8_is_no_slower() -> None:
    assert ceilings.copy_gbytes(1, 1, 8 << 20) > 0.1
    assert ceilings.arithmetic_gflops("float32", 1, 1) > 1


def test_the_clips_are_what_they_say_and_the_same_again(tmp_path: Path) -> None:
    busy = clips.busy(tmp_path / "a", 0.4)
    again = clips.busy(tmp_path / "b", 0.4)
    assert hashlib.sha256(busy.read_bytes()).digest() == hashlib.sha256(again.read_bytes()).digest()
    with av.open(str(busy)) as file:
        video = file.streams.video[0]
        assert (video.width, video.height, video.average_rate) == (1920, 1080, 15)
    assert clips.frame_count(busy) == 6
    assert clips.frame_count(clips.cut(busy, 2)) == 2
    assert clips.frame_count(clips.repeated(busy, 3)) == 18
    began = time.perf_counter()
    clips.busy(tmp_path / "a", 0.4)
    assert time.perf_counter() - began < 0.1, "a clip that is there is not made anew"


def test_the_quiet_clip_is_empty_but_for_a_tenth(tmp_path: Path) -> None:
    with av.open(str(clips.quiet(tmp_path, 1.4))) as file:
        luma = [f.reformat(320, 180, "gray").to_ndarray().astype(int) for f in file.decode(video=0)]
    first = luma[0]
    moved = [(np.abs(picture - first) > 40).mean() > 0.001 for picture in luma]
    assert sum(moved) == round(0.65 * 21) - round(0.55 * 21) == 2
    assert not any(moved[:11])


def test_frames_of_another_program_get_the_times_of_the_original(tmp_path: Path) -> None:
    original = clips.cut(clips.busy(tmp_path, 0.8), 12)

    def made(*words: str) -> Path:
        path = tmp_path / f"{len(words)}.mp4"
        command = ["ffmpeg", "-v", "error", "-i", str(original), *words, "-preset", "ultrafast"]
        subprocess.run([*command, str(path)], check=True)
        return path

    slower = made("-vf", "setpts=1.01*PTS,scale=320:-2", "-r", "15", "-frames:v", "12")
    doubled = made("-vf", "scale=320:-2", "-r", "17")
    assert clips.frame_count(doubled) > 12
    for copy in (slower, doubled):
        with av.open(str(footage.retimed(copy, original))) as file:
            times = [float(f.time) for f in file.decode(video=0)]
        assert times == pytest.approx([i / 15 for i in range(12)], abs=1e-4)
    short = clips.cut(original, 9)
    with pytest.raises(BenchmarkError, match="12 frames went in and 9 came out"):
        footage.retimed(short, original)


def test_leaks_of_several_clips_are_added() -> None:
    one = Leak(clips=["a"], outside=10, leaked=1, longest=0.5, inside=4, hidden=2)
    two = Leak(clips=["b"], outside=30, leaked=0, longest=0, inside=0, hidden=0)
    both = footage.together([one, two])
    assert (both.clips, both.rate, both.longest, both.over) == (["a", "b"], 0.025, 0.5, 0.5)
    with pytest.raises(BenchmarkError):
        footage.together([])


def test_what_was_asked_of_some_clips_is_added_over_those() -> None:
    plain = Leak(clips=["a"], outside=10, leaked=1, longest=0.5, inside=4, hidden=2)
    exact = msgspec.structs.replace(
        plain, well_inside=3, well_inside_hidden=1, outlined=9, shown=2, longest_shown=0.2
    )
    assert footage.together([plain, plain]).shown is None
    both = footage.together([plain, exact, exact])
    assert (both.outside, both.outlined, both.shown, both.longest_shown) == (30, 18, 4, 0.2)
    assert (both.well_inside, both.well_inside_hidden) == (6, 2)


def test_masks_of_a_scene_are_found_for_all_its_variants() -> None:
    found = {one.name: one.masks for one in footage.labelled([footage.SAMPLES])}
    shared = footage.SAMPLES / "driveway.masks.npz"
    assert found == dict.fromkeys(("driveway", "driveway_night", "driveway_small"), shared)


def test_masks_of_the_whole_clip_fit_its_small_variant() -> None:
    (small,) = footage.labelled([footage.SAMPLES], ["driveway_small"])
    leak = footage.leak_of(small, small.clip)
    assert leak.outlined is not None
    assert 1200 < leak.outlined < 1251, "the farthest have too few pixels at half the size"
    assert leak.shown == leak.outlined
    assert leak.longest_shown == 16
    assert (leak.well_inside, leak.well_inside_hidden) == (380, 0)


def test_no_peer_is_left_out_in_silence(tmp_path: Path) -> None:
    found = peers.find(None, None)
    foreign = {"deface", "deface --scale 640x360", "ultralytics ObjectBlurrer"}
    foreign |= {"ultralytics YOLO.predict", "OpenCV loop, YOLO11n"}
    assert set(found.absent) - {"ffmpeg transcode"} == foreign
    assert "PyAV decode + encode" in {peer.name for peer in found.here}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    empty = peers.find(tmp_path, tmp_path)
    assert set(empty.absent) >= foreign - {"OpenCV loop, YOLO11n"}
    assert "YOLO11n" not in "".join(peer.name for peer in empty.here), "its weights are absent"
