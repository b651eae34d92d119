"""End to end through real files: who is beyond the property can be seen in no output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

import redact
from redact.config import Config, MotionOptions, load_zone
from redact.evaluate import Evaluation, Truth, evaluate, load_truth
from redact.structures import Detections, Frame, Label
from redact.testing import ScriptedDetector

ROOT = Path(__file__).resolve().parents[1]
# Rendered, with residents right before passers-by; and drawn, where people rarely overlap.
CLIPS = {"rendered": ROOT / "samples" / "driveway_small", "drawn": ROOT / "tests/data/drawn"}


def oracle(
    truth: Truth, missing: Callable[[int, int], bool] = lambda _f, _t: False
) -> ScriptedDetector:
    """Finds everyone of whom a tenth can be seen, exactly; misses (frame, track) where told."""

    def answer(frame: Frame) -> Detections:
        rows = range(len(truth))[truth.at(frame.index)]
        seen = [
            r
            for r in rows
            if truth.visibility[r] >= 0.1 and not missing(frame.index, int(truth.track_id[r]))
        ]
        return Detections.of(truth.xyxy[seen], 0.9, Label.PERSON)

    return ScriptedDetector(answer, {Label.PERSON})


def excerpt_truth(path: Path, frames: int, to: Path) -> Path:
    lines = path.read_text().splitlines()
    kept = [line for line in lines[1:] if int(line.split(",")[0]) < frames]
    to.write_text("\n".join([lines[0], *kept]) + "\n")
    return to


def _cut(source: Path, frames: int, to: Path) -> None:
    """The first frames of a clip, in the very packets of the clip."""
    import av

    with av.open(str(source)) as whole, av.open(str(to), "w") as part:
        stream = whole.streams.video[0]
        copy = part.add_stream_from_template(stream)
        for packet in islice(whole.demux(stream), frames):
            if packet.dts is not None:
                packet.stream = copy
                part.mux(packet)


@dataclass(frozen=True)
class Scene:
    """One of `CLIPS`. path: without the endings of its files."""

    name: str
    path: Path

    def file(self, ending: str) -> Path:
        return Path(f"{self.path}{ending}")

    def judge(
        self, folder: Path, detector: ScriptedDetector | None, frames: int = 240, **options: object
    ) -> Evaluation:
        """The clip, or its first frames, redacted and judged."""
        zone = load_zone(self.file(".zone.json"))
        config = Config(zone=zone, models=(), **options)  # type: ignore[arg-type]
        original, out = folder / "original.mp4", folder / "redacted.mp4"
        _cut(self.file(".mp4"), frames, original)
        labels = excerpt_truth(self.file(".gt.csv"), frames, folder / "truth.csv")
        redact.run(original, out, config, detector=detector)
        return evaluate(original, out, labels, zone)


@pytest.fixture(scope="module", params=CLIPS)
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(request.param, CLIPS[request.param])


@pytest.fixture(scope="module")
def truth(scene: Scene) -> Truth:
    return load_truth(scene.file(".gt.csv"))


def percent(evaluation: Evaluation, name: str = "leaked_percent") -> float:
    assert evaluation.frames_match
    return float(evaluation.to_dict()[name])


def leaks(evaluation: Evaluation) -> list[tuple[int, int]]:
    """(frame, track) of every leak."""
    return [(s.frame, s.track_id) for s in evaluation.leaks]


def worst_track(evaluation: Evaluation) -> float:
    """Share of the frames of a track beyond the property in which it leaks."""
    return max(t.leaked / t.outside for t in evaluation.tracks if t.outside)


@pytest.mark.slow
def test_without_any_model_nobody_beyond_the_property_leaks(tmp_path: Path, scene: Scene) -> None:
    """Also once the net is warm: for most of the clip the outside is not hidden whole."""
    evaluation = scene.judge(tmp_path, None, motion=MotionOptions(warmup_alone=2.0))
    assert worst_track(evaluation) <= 0.02, leaks(evaluation)


@pytest.mark.slow
def test_with_perfect_detections_nobody_leaks_and_hardly_anyone_inside_is_hidden(
    tmp_path: Path, scene: Scene, truth: Truth
) -> None:
    evaluation = scene.judge(tmp_path, oracle(truth))
    assert percent(evaluation) == 0, leaks(evaluation)
    # Who passes behind a resident takes whole blocks of them. In the rendered clip the exact boxes
    # of those people alone hide 7.1 % (the floor), and the blocks 8.6 points more; the goal is 5.
    hidden = percent(evaluation, "hidden_percent")
    if scene.name == "drawn":
        assert hidden <= 7
    else:
        assert hidden - percent(evaluation, "hidden_floor_percent") <= 10


@pytest.mark.slow
def test_a_detector_that_misses_four_frames_in_fifteen_leaks_hardly_anyone(
    tmp_path: Path, scene: Scene, truth: Truth
) -> None:
    """Look-back, coasting and the motion net fill what a detector misses."""
    detector = oracle(truth, lambda frame, track: (frame + 3 * track) % 15 < 4)
    evaluation = scene.judge(tmp_path, detector, frames=120)
    # Who was lost gives way to a resident before them: their legs beside the resident's show.
    assert percent(evaluation) <= 2, leaks(evaluation)


@pytest.mark.slow
def test_without_the_motion_net_exact_detections_alone_leak_nobody(
    tmp_path: Path, scene: Scene, truth: Truth
) -> None:
    evaluation = scene.judge(tmp_path, oracle(truth), 120, motion=MotionOptions(enabled=False))
    assert percent(evaluation) == 0, leaks(evaluation)


@pytest.mark.slow
def test_with_the_default_hardly_anyone_leaks_and_it_shows_more_than_motion_alone(
    tmp_path: Path,
) -> None:
    """As shipped, with no option given, on the whole of the clip in the README."""
    clip = CLIPS["rendered"]
    zone, out = load_zone(f"{clip}.zone.json"), tmp_path / "out.mp4"
    original = Path(f"{clip}.mp4")
    hidden = {}
    for models in (Config(zone=zone).models, ()):
        redact.run(original, out, Config(zone=zone, models=models))
        evaluation = evaluate(original, out, Path(f"{clip}.gt.csv"), zone)
        assert percent(evaluation) <= 0.5, leaks(evaluation)
        assert evaluation.to_dict()["longest_leak_seconds"] <= 0.2
        hidden[bool(models)] = percent(evaluation, "hidden_percent")
    assert hidden[True] <= 0.7 * hidden[False]


# -- real footage ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("name", "frames"), [("tud_campus", 71), ("pets09_s2l1", 150)])
def test_on_real_footage_with_real_models_hardly_anyone_leaks(
    shared: Path, tmp_path: Path, name: str, frames: int
) -> None:
    footage, weights = shared / "footage", shared / "weights"
    models = tuple(weights / f for f in ("yolo11n_coco_dyn.onnx", "yunet_n_dynamic.onnx"))
    zone = load_zone(footage / f"{name}.zone.json")
    labels = excerpt_truth(footage / f"{name}.gt.csv", frames, tmp_path / "truth.csv")
    original, out = tmp_path / "original.mp4", tmp_path / "redacted.mp4"
    _cut(footage / f"{name}.mp4", frames, original)
    redact.run(original, out, Config(zone=zone, models=models))
    evaluation = evaluate(original, out, labels, zone)
    assert evaluation.frames == frames
    assert percent(evaluation) <= 1, leaks(evaluation)
