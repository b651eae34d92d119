"""The samples: truth, masks and clips agree, and every situation of their README occurs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from redact.config import load_zone
from redact.evaluate import Truth, evaluate, load_truth

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CLIPS = {"driveway": (1280, 720), "driveway_night": (1280, 720), "driveway_small": (640, 360)}
FRAMES, STEP = 240, 6


@pytest.fixture(scope="module")
def masks() -> list[np.ndarray]:
    """Every sixth frame: 0 nobody, 255 the car, else the track seen there."""
    sys.path.insert(0, str(SAMPLES))
    import labels

    return [
        m for i, m in enumerate(labels.read_masks(SAMPLES / "driveway.masks.npz")) if not i % STEP
    ]


@pytest.fixture(scope="module")
def truth() -> Truth:
    return load_truth(SAMPLES / "driveway.gt.csv")


def frames(name: str) -> Iterator[av.VideoFrame]:
    with av.open(str(SAMPLES / f"{name}.mp4")) as container:
        yield from container.decode(video=0)


def grey(name: str) -> list[np.ndarray]:
    return [f.to_ndarray(format="gray") for i, f in enumerate(frames(name)) if not i % STEP]


def column(name: str) -> np.ndarray:
    """A column of the day's table, in the order of load_truth."""
    with (SAMPLES / "driveway.gt.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["frame"]))
    return np.array([float(row[name]) for row in rows])


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_is_small_and_whole(name: str) -> None:
    path = SAMPLES / f"{name}.mp4"
    assert path.stat().st_size < 1_500_000
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == CLIPS[name]
        assert (stream.average_rate, len(container.streams)) == (15, 1)
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_the_night_is_grey() -> None:
    """The coder may stray by a level or two."""
    first = next(frames("driveway_night")).to_ndarray(format="yuv420p")[720:]
    assert np.abs(first.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("name", CLIPS)
def test_all_clips_tell_the_same_story(name: str, truth: Truth) -> None:
    other = load_truth(SAMPLES / f"{name}.gt.csv")
    scale = CLIPS[name][0] / 1280
    np.testing.assert_array_equal(other.frame, truth.frame)
    np.testing.assert_array_equal(other.track_id, truth.track_id)
    np.testing.assert_allclose(other.xyxy, truth.xyxy * scale, atol=0.11)
    assert (SAMPLES / f"{name}.zone.json").read_text() == (
        SAMPLES / "driveway.zone.json"
    ).read_text()


def test_boxes_are_those_of_the_masks(truth: Truth, masks: list[np.ndarray]) -> None:
    """A mask lies in its box, and fills it where the whole figure can be seen."""
    for row in range(len(truth)):
        frame, track = int(truth.frame[row]), int(truth.track_id[row])
        if frame % STEP:
            continue
        ys, xs = np.nonzero(masks[frame // STEP] == track)
        assert len(ys) > 0, (frame, track)
        seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        clipped = np.clip(truth.xyxy[row], 0, (1280, 720, 1280, 720))
        outside = np.maximum(clipped[:2] - seen[:2], seen[2:] - clipped[2:])
        assert outside.max() <= 1.2, (frame, track)
        if truth.visibility[row] == 1:
            assert np.abs(seen - clipped).max() <= 2, (frame, track)


def test_whoever_is_seen_in_a_mask_has_a_row(truth: Truth, masks: list[np.ndarray]) -> None:
    for index, mask in enumerate(masks):
        told = set(truth.track_id[truth.at(index * STEP)].tolist())
        seen, count = np.unique(mask, return_counts=True)
        large = {int(t) for t, n in zip(seen, count, strict=True) if 0 < t < 255 and n > 300}
        assert large <= told, index * STEP


@pytest.mark.parametrize("name", ["driveway", "driveway_night"])
def test_where_a_mask_is_the_picture_is_not_the_empty_place(
    name: str, masks: list[np.ndarray]
) -> None:
    pictures = grey(name)
    empty = np.median(np.stack(pictures), axis=0)
    inside, outside = [], []
    for picture, mask in zip(pictures, masks, strict=True):
        change = np.abs(picture - empty) > 12
        moving = (mask > 0) & ~np.isin(mask, (4, 6))  # these stand for long
        inside.append(change[moving].mean() if moving.any() else 1.0)
        outside.append(change[mask == 0].mean())
    assert np.mean(inside) > 0.5
    assert np.mean(outside) < 0.04


def test_every_situation_of_the_readme_occurs(truth: Truth) -> None:
    inside = truth.inside(load_zone(SAMPLES / "driveway.zone.json"), 1280, 720)
    share = {t: float(inside[truth.track_id == t].mean()) for t in range(1, 10)}
    assert [t for t in share if share[t] == 1] == [4, 7]
    assert [t for t in share if share[t] == 0] == [1, 2, 3, 6, 8, 9]
    assert 0.2 < share[5] < 0.8
    assert truth.visibility.min() < 0.3


def test_the_outline_and_the_ground_agree(truth: Truth) -> None:
    """Boxes and points of the ground say the same of everyone but who is crossing the edge."""
    zone = load_zone(SAMPLES / "driveway.zone.json")
    inside = truth.inside(zone, 1280, 720)
    told = column("inside").astype(bool)
    crossing = inside != told
    assert set(truth.track_id[crossing].tolist()) <= {5}
    assert crossing.sum() <= 12
    ground = np.stack([column("ground_x") / 1280, column("ground_y") / 720], axis=1)
    near = np.abs(ground[:, 1] - 0.5) < 0.02  # the edge of the pavement
    below = ground[:, 1] > 1  # feet below the frame
    clear = ~near & ~below
    np.testing.assert_array_equal(zone.contains(ground)[clear], told[clear])


def test_tracks_are_stable(truth: Truth) -> None:
    """From frame to frame nobody jumps, and nobody's number goes to another."""
    for track in range(1, 10):
        mine = truth.track_id == track
        step = np.diff(truth.frame[mine])
        middle = (truth.xyxy[mine, :2] + truth.xyxy[mine, 2:]) / 2
        size = np.linalg.norm(truth.xyxy[mine, 2:] - truth.xyxy[mine, :2], axis=1)
        jump = np.linalg.norm(np.diff(middle, axis=0), axis=1) / size[1:]
        assert jump[step == 1].max() < 0.35, track


def test_the_child_is_small_and_the_face_is_near(truth: Truth) -> None:
    tall = {t: truth.xyxy[truth.track_id == t] for t in (2, 3, 7)}
    height = {t: np.median(b[:, 3] - b[:, 1]) for t, b in tall.items()}
    assert height[3] < 0.75 * height[2]
    assert (tall[7][:, 3] >= 720).mean() > 0.9  # cut by the lower edge
    assert np.median(tall[7][:, 2] - tall[7][:, 0]) > 150


def test_who_stands_still_beyond_the_property_does_so_for_ten_seconds(truth: Truth) -> None:
    mine = (truth.track_id == 6) & (truth.frame >= 68) & (truth.frame < 205)
    middle = (truth.xyxy[mine, 0] + truth.xyxy[mine, 2]) / 2
    assert mine.sum() > 120
    assert np.ptp(middle) < 45  # arms move, feet do not


@pytest.mark.slow
@pytest.mark.parametrize("name", ["driveway_small", "driveway_night"])
def test_nobody_in_a_sample_is_hidden_to_begin_with(name: str) -> None:
    clip = SAMPLES / f"{name}.mp4"
    zone = load_zone(SAMPLES / f"{name}.zone.json")
    d = evaluate(clip, clip, SAMPLES / f"{name}.gt.csv", zone).to_dict()
    assert d["leaked_percent"] == 100
    assert (d["hidden"], d["leaked_tracks"]) == (0, 7)
