"""The sample: truth and clip agree, and the script makes both anew."""

from __future__ import annotations

import csv
import importlib
import sys
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

from redact.config import load_zone
from redact.evaluate import evaluate, load_truth

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    sys.path.insert(0, str(SAMPLES))
    return importlib.import_module("make")


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    with av.open(str(SAMPLES / "driveway.mp4")) as container:
        return [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]


def test_the_clip_is_what_the_script_draws(make: ModuleType, pictures: list[np.ndarray]) -> None:
    assert len(pictures) == make.RATE * make.SECONDS
    stage = make.Stage()
    for index in range(0, len(pictures), 24):
        drawn = stage.frame(index)[0].astype(np.float64)
        error = drawn - pictures[index]
        assert np.abs(error).mean() < 4, index
        assert 10 * np.log10(255**2 / (error**2).mean()) > 32, index


def test_the_truth_is_what_the_script_says(make: ModuleType) -> None:
    with (SAMPLES / "driveway.gt.csv").open(newline="") as file:
        rows = [[float(v) for v in row] for row in list(csv.reader(file))[1:]]
    stage = make.Stage()
    for index in range(0, make.RATE * make.SECONDS, 24):
        told = [row for row in rows if row[0] == index]
        np.testing.assert_allclose(told, stage.frame(index)[1], atol=0.11)


def test_the_truth_fits_the_pictures(pictures: list[np.ndarray]) -> None:
    """Where a labelled person stands, the picture is not the empty scene."""
    truth = load_truth(SAMPLES / "driveway.gt.csv")
    empty = np.median(np.stack(pictures[::8]), axis=0)
    for row in range(0, len(truth), 7):
        if truth.visibility[row] < 0.9 or truth.track_id[row] in (4, 6):  # these stand for long
            continue
        x1, y1, x2, y2 = (round(max(0, v)) for v in truth.xyxy[row])
        change = np.abs(pictures[truth.frame[row]] - empty).max(axis=2)
        assert (change[y1:y2, x1:x2] > 18).mean() > 0.25, (truth.frame[row], truth.track_id[row])


def test_every_situation_of_the_readme_occurs() -> None:
    truth, zone = load_truth(SAMPLES / "driveway.gt.csv"), load_zone(SAMPLES / "driveway.zone.json")
    inside = truth.inside(zone, 640, 360)
    share = {t: float(inside[truth.track_id == t].mean()) for t in range(1, 10)}
    assert [t for t in share if share[t] == 1] == [4, 7]
    assert [t for t in share if share[t] == 0] == [1, 2, 3, 6, 8, 9]
    assert 0.2 < share[5] < 0.8
    assert truth.visibility.min() < 0.3


def test_nobody_in_the_sample_is_hidden_to_begin_with() -> None:
    clip = SAMPLES / "driveway.mp4"
    zone = load_zone(SAMPLES / "driveway.zone.json")
    d = evaluate(clip, clip, SAMPLES / "driveway.gt.csv", zone).to_dict()
    assert d["leaked_percent"] == 100
    assert (d["hidden"], d["leaked_tracks"]) == (0, 7)


def test_the_sample_is_small() -> None:
    assert (SAMPLES / "driveway.mp4").stat().st_size < 1_000_000
