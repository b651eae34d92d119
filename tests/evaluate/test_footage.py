"""The meter reads what it must on real footage and on our own sample."""

from __future__ import annotations

from pathlib import Path

import pytest
from clips import Clip, below_head, blur, fill, grown, head_only, moved, nothing, reshaped

from redact.config import load_zone
from redact.evaluate import Evaluation, evaluate

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(params=["tud_campus", "pets09_s2l1", "shopdoor_cctv", "driveway_small"])
def clip(request: pytest.FixtureRequest, tmp_path: Path) -> Clip:
    name = str(request.param)
    ours = name == "driveway_small"
    folder = SAMPLES if ours else request.getfixturevalue("shared") / "footage"
    zone = load_zone(folder / f"{name}.zone.json")
    return Clip(folder / f"{name}.mp4", folder / f"{name}.gt.csv", zone, 60, tmp_path)


def judged(clip: Clip, *args: object, **named: object) -> Evaluation:
    return evaluate(clip.original, clip.redacted(*args, **named), clip.truth, clip.zone)  # type: ignore[arg-type]


def percent(evaluation: Evaluation) -> float:
    return float(evaluation.to_dict()["leaked_percent"])


@pytest.mark.parametrize("crf", [23, 28])
def test_everyone_leaks_where_nothing_is_hidden_but_reencoded(clip: Clip, crf: int) -> None:
    evaluation = judged(clip, nothing, crf=crf)
    assert percent(evaluation) == 100
    assert evaluation.to_dict()["hidden"] == 0


def test_nobody_leaks_under_black_boxes(clip: Clip) -> None:
    assert percent(judged(clip, fill)) == 0


def test_hardly_anyone_leaks_under_blur_of_four_cells(clip: Clip) -> None:
    assert percent(judged(clip, reshaped(blur, grown(0.1)))) <= 1.0


def test_a_visible_head_leaks(clip: Clip) -> None:
    d = judged(clip, reshaped(fill, below_head)).to_dict()
    assert d["head_leaks"] > 0.75 * d["outside"]  # the head of the farthest has four rows


def test_a_visible_body_leaks(clip: Clip) -> None:
    d = judged(clip, reshaped(fill, head_only)).to_dict()
    assert d["body_leaks"] > 0.97 * d["outside"]


def test_boxes_off_by_half_a_person_leak(clip: Clip) -> None:
    assert percent(judged(clip, reshaped(fill, moved(0.5)))) > 50


def test_boxes_too_small_by_a_fifth_leak(clip: Clip) -> None:
    assert percent(judged(clip, reshaped(fill, grown(-0.1)))) > 25  # some labels are loose


def test_one_missed_frame_in_ten_is_seen_and_timed(clip: Clip) -> None:
    evaluation = judged(clip, fill, misses=lambda index: index % 10 == 9)
    assert {s.frame % 10 for s in evaluation.leaks} == {9}
    expected = {s.frame for s in evaluation.sightings if s.counted and not s.inside}
    assert {s.frame for s in evaluation.leaks} == {f for f in expected if f % 10 == 9}
    step = float(evaluation.times[10] - evaluation.times[9])
    assert evaluation.tracks[0].longest_leak == pytest.approx(step, abs=0.002)


def test_inside_people_hidden_by_exact_boxes_are_the_floor(clip: Clip) -> None:
    d = judged(clip, fill).to_dict()
    assert abs(d["hidden_percent"] - d["hidden_floor_percent"]) <= 5
