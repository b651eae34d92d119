"""Long clips in pieces: every frame once, at its own time, and nothing shown that a whole run
hides."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from cliclips import tree
from hypothesis import given
from hypothesis import strategies as st
from stores import keys

from redact import build
from redact.batch import BatchReport, State, pieces, plan, run_batch
from redact.config import Config, EffectOptions, MotionOptions, OutputOptions, load_zone
from redact.errors import SinkError, SourceError
from redact.evaluate import evaluate
from redact.sinks.joining import join
from redact.sources import PieceSource, PyAVSource, Span
from redact.sources.piece import PastSource, key_times, spans
from redact.storage import ObjectPath
from redact.storage.upload import put

SAMPLES = Path(__file__).parents[2] / "samples"
TICK = Fraction(1, 12800)


@st.composite
def key_lists(draw: st.DrawFn) -> list[int]:
    steps = draw(st.lists(st.integers(1, 60_000), min_size=1, max_size=60))
    return [sum(steps[:n]) for n in range(len(steps))]


@given(
    key_lists(),
    st.floats(0.1, 20),
    st.floats(0, 20),
    st.floats(0, 60),
    st.lists(st.integers(0, 2_000_000), max_size=30),
)
def test_every_time_belongs_to_exactly_one_piece_whatever_the_key_frames(
    keys: list[int], piece: float, overlap: float, memory: float, times: list[int]
) -> None:
    made = spans(keys, TICK, piece, overlap, memory, 21)
    for time in [*times, *keys]:
        assert sum(span.writes(time) for span in made) == (time >= keys[0])
    for before, span in pairwise(made):
        assert before.end == span.first
        assert span.first - before.first >= round(piece / TICK)
    for span in made:
        assert span.begin in keys
        assert span.begin <= max(span.first - round(overlap / TICK), keys[0])
        assert all(time in keys and time < span.begin for time in span.past)
        assert all(span.begin - time <= round(memory / TICK) for time in span.past)
    assert made[0].begin == made[0].first == keys[0]
    assert made[-1].end is None


@pytest.fixture(scope="module")
def driveway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered sample with a key frame every 1.3 s, and pictures out of order."""
    out = tmp_path_factory.mktemp("pieces") / "driveway.mp4"
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-g", "20", "-bf", "2"]
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(SAMPLES / "driveway_small.mp4"),
        *coding,
        str(out),
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return out


CONFIG = Config(
    zone=load_zone(SAMPLES / "driveway_small.zone.json"),
    models=(),
    motion=MotionOptions(warmup_alone=1.0),
    # Fine steps of colour: what is compared is where people are hidden, not the rounding of it.
    effect=EffectOptions(cells=4, levels=32),
)


def run(
    source: Any, out: Any, config: Config = CONFIG, split: float | None = None, **more: Any
) -> BatchReport:
    report = run_batch(plan([source], out), config, split=split, **more)
    assert [outcome.error for outcome in report.failures] == []
    return report


def pictures(path: Any) -> list[tuple[Fraction, np.ndarray]]:
    with av.open(path.open("rb")) as file:
        return [(f.pts * f.time_base, f.to_ndarray()) for f in file.decode(video=0)]


@pytest.fixture(scope="module")
def both(driveway: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same clip, whole and in four pieces."""
    out = tmp_path_factory.mktemp("both")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_TRACKS", 3.0)
        run(driveway, out / "whole.mp4")
        report = run(driveway, out / "split.mp4", split=3.9)
    assert "made in 4 pieces" in report.outcomes[0].record["notes"][-1]  # type: ignore[index]
    assert tree(out) == sorted(
        f"{name}{end}" for name in ("whole.mp4", "split.mp4") for end in ("", ".redact.json")
    )
    return out / "whole.mp4", out / "split.mp4"


def test_pieces_joined_hold_every_frame_once_at_its_own_time(
    driveway: Path, both: tuple[Path, Path]
) -> None:
    whole, split = (pictures(path) for path in both)
    assert [time for time, _ in split] == [time for time, _ in whole]
    assert [time for time, _ in split] == [time for time, _ in pictures(driveway)]


def test_pieces_joined_look_like_the_whole_frame_by_frame(both: tuple[Path, Path]) -> None:
    """Not bit by bit: what moved at the edge of the net's thresholds may differ, for a while."""
    whole, split = (pictures(path) for path in both)
    differs = [
        float((np.abs(a.astype(np.int16) - b) > 24).mean())
        for (_, a), (_, b) in zip(whole, split, strict=True)
    ]
    assert max(differs) < 0.02
    assert np.mean(differs) < 0.001


def test_pieces_leak_as_little_as_the_whole(driveway: Path, both: tuple[Path, Path]) -> None:
    results = [
        evaluate(driveway, path, SAMPLES / "driveway_small.gt.csv", CONFIG.zone) for path in both
    ]
    leaked = [len(result.leaks) for result in results]
    assert leaked == [0, 0]


def test_a_person_who_stands_still_over_a_border_stays_hidden(tmp_path: Path) -> None:
    """The background of a piece must not begin with who already stands there."""
    clip = tmp_path / "still.mp4"
    walk_in_and_stand(clip)
    config = Config(zone=CONFIG.zone.nothing(), models=(), motion=MotionOptions(warmup_alone=1.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_TRACKS", 1.0)
        run(clip, tmp_path / "whole.mp4", config)
        run(clip, tmp_path / "split.mp4", config, split=4.0)
    for name in ("whole.mp4", "split.mp4"):
        for time, picture in pictures(tmp_path / name):
            if time >= 4:  # where it stands, the checks of its coat are gone
                there = picture[60:100, 70:90].astype(float)
                assert there.std() < 25, (name, float(time))


def walk_in_and_stand(path: Path) -> None:
    """A checked figure walks in for 3 s, then stands still to the end, at 14 s."""
    still = np.random.default_rng(0).integers(90, 110, (120, 160, 3), dtype=np.uint8)
    checks = np.indices((40, 20)).sum(axis=0) // 4 % 2 * 200 + 20
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"crf": "12", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for index in range(140):
            picture = still.copy()
            left = min(70, (index - 15) * 4)
            if left > 0:
                picture[60:100, left : left + 20] = checks[..., None]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_and_containers_survive_the_join(tmp_path: Path, suffix: str) -> None:
    clip = tmp_path / f"in{suffix}"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=8", "-f", "lavfi", "-i", "sine=d=8"]
    coding = ["-g", "10", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", *picture, *coding, str(clip)], check=True)
    config = Config(
        zone=CONFIG.zone,
        models=(),
        motion=MotionOptions(warmup_alone=0.5),
        output=OutputOptions(audio="keep"),
    )
    out = tmp_path / f"out{suffix}"
    run(clip, out, config, split=2.0)
    with av.open(str(out)) as file:
        assert [stream.type for stream in file.streams] == ["video", "audio"]
        assert float(file.duration / 1e6) == pytest.approx(8.0, abs=0.1)
    assert len(pictures(out)) == 80


def test_pieces_run_in_a_bucket_and_side_by_side(bucket: ObjectPath, tmp_path: Path) -> None:
    clip = tmp_path / "c.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=8", "-g", "10"]
    subprocess.run(["ffmpeg", "-v", "error", *picture, str(clip)], check=True)
    put(bucket / "c.mp4", clip.read_bytes())
    report = run(bucket / "c.mp4", bucket / "out.mp4", split=3.0, workers=2)
    assert report.count(State.DONE) == 1
    assert keys(bucket) == ["c.mp4", "out.mp4", "out.mp4.redact.json"]
    assert len(pictures(bucket / "out.mp4")) == 80
    again = run(bucket / "c.mp4", bucket / "out.mp4", split=3.0)
    assert again.count(State.SKIPPED) == 1


def test_a_piece_that_fails_fails_the_clip_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "in" / "c.mp4"
    clip.parent.mkdir()
    picture = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=6", "-g", "10"]
    subprocess.run(["ffmpeg", "-v", "error", *picture, str(clip)], check=True)
    whole = build.run_piece

    def second_fails(source: Any, output: Any, span: Span, *rest: Any, **more: Any) -> Any:
        if span.first > 0:
            raise SourceError("frame 31: cannot be decoded")
        return whole(source, output, span, *rest, **more)

    monkeypatch.setattr(build, "run_piece", second_fails)
    report = run_batch(plan([tmp_path / "in"], tmp_path / "out"), CONFIG, split=3.0)
    assert report.exit_code == 5
    assert [outcome.job.name for outcome in report.outcomes] == ["c.mp4"]
    assert "frame 31" in report.failures[0].error
    assert not (tmp_path / "out").exists()


def test_only_pieces_of_a_redacted_clip_are_joined(driveway: Path, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="only pieces"):
        join([driveway], [240], tmp_path / "out.mp4", OutputOptions(), driveway)
    lacking = tmp_path / ".x.partial-1-abcdef.mp4"
    lacking.write_bytes(driveway.read_bytes())
    with pytest.raises(SinkError, match="holds 240 of 241 frames"):
        join([lacking], [241], tmp_path / "out.mp4", OutputOptions(), driveway)
    with pytest.raises(SinkError, match="begins before"):
        join([lacking, lacking], [240, 240], tmp_path / "out.mp4", OutputOptions(), driveway)
    assert tree(tmp_path) == [lacking.name]


def test_a_piece_reads_what_it_needs_and_no_more(driveway: Path) -> None:
    found, tick = key_times(driveway)
    assert len(found) == 12
    assert tick == PyAVSource(driveway).info.time_base
    span = spans(found, tick, 4.0, 1.0, 60.0, 21)[2]
    with PieceSource(driveway, span) as source:
        times = [frame.pts for frame in source]
    assert times[0] == span.begin
    assert span.end is not None
    assert sum(time >= span.end for time in times) == 21
    assert len(times) == len(set(times))
    with PastSource(driveway, span, 21) as source:
        past = [frame.pts for frame in source]
    assert past == sorted(past)
    assert past[20] < span.begin
    assert set(past[21:]) <= set(found)
