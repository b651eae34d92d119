"""With exact masks the meter sees strangers beside residents, also after re-encoding."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import Clip, Hide, blur, fill, nothing, write

from redact.config import load_zone
from redact.errors import ConfigError
from redact.evaluate import EvaluateOptions, Evaluation, Masks, evaluate, load_masks
from redact.evaluate.exact import shown_share
from redact.geometry import Zone

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FRAMES = 40
Box = tuple[int, int, int, int]


@pytest.fixture(scope="module", params=["driveway_small", "driveway_night"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    name = str(request.param)
    zone = load_zone(SAMPLES / f"{name}.zone.json")
    work = tmp_path_factory.mktemp(name)
    return Clip(SAMPLES / f"{name}.mp4", SAMPLES / f"{name}.gt.csv", zone, FRAMES, work)


def looked_at(clip: Clip, hide: Hide, crf: int = 23) -> Evaluation:
    masks = load_masks(SAMPLES / "driveway.masks.npz")
    size = (640, 360) if "small" in clip.video.name else (1280, 720)
    masks = dataclasses.replace(masks, ends=masks.ends[: FRAMES + 1]).scaled(*size)
    redacted = clip.redacted(hide, crf)
    return evaluate(clip.original, redacted, clip.truth, clip.zone, masks=masks)


def test_an_untouched_clip_shows_everyone_in_spite_of_its_encoding(sample: Clip) -> None:
    found = looked_at(sample, nothing, 26).to_dict()["by_masks"]
    assert found["outside"] > 100
    assert found["shown"] == found["outside"]
    assert (found["shown_tracks"], found["uncertain"]) == (found["outside_tracks"], 0)
    assert found["longest_shown_seconds"] == pytest.approx(FRAMES / 15, abs=0.01)


@pytest.mark.parametrize("hide", [fill, blur])
def test_exactly_hidden_boxes_show_nobody(sample: Clip, hide: Hide) -> None:
    found = looked_at(sample, hide).to_dict()["by_masks"]
    assert found["outside"] > 100
    assert found["shown"] == 0
    assert found["longest_shown_seconds"] == 0


# A made-up scene of 160 x 96: the lower part is the property. A stranger beyond it is half behind a
# resident, whose box is wide as arms are stretched out, and of whose figure little is before them.
ZONE = Zone.of([[(0, 0.8), (1, 0.8), (1, 1), (0, 1)]])
STRANGER, RESIDENT, FIGURE = (56, 8, 84, 68), (64, 16, 120, 88), (88, 16, 104, 88)


def textured(y: np.ndarray, box: Box) -> None:
    x1, y1, x2, y2 = box
    noise = np.random.default_rng(x1).integers(30, 220, ((y2 - y1) // 4, (x2 - x1) // 4))
    y[y1:y2, x1:x2] = np.kron(noise, np.ones((4, 4)))


def scenery(
    path: Path,
    hide: Callable[[int], Box | None] = lambda _: None,
    spare: Box | None = None,
    count: int = 6,
) -> Path:
    """hide: which box is filled in which frame, but for what `spare` covers."""

    def frames() -> Iterator[tuple[list[np.ndarray], int, Fraction]]:
        for i in range(count):
            y = np.full((96, 160), 110, np.uint8)
            textured(y, STRANGER)
            textured(y, FIGURE)
            box = hide(i)
            if box is not None:
                before = y.copy()
                y[box[1] : box[3], box[0] : box[2]] = 60
                if spare is not None:
                    cut = np.s_[spare[1] : spare[3], spare[0] : spare[2]]
                    y[cut] = before[cut]
            yield [y, *(np.full((48, 80), 128, np.uint8),) * 2], i * 40, Fraction(1, 1000)

    return write(path, frames(), 23)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return scenery(tmp_path / "original.mp4")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    people = {1: STRANGER, 2: RESIDENT}
    rows = [
        f"{f},{t},{x},{y},{r - x},{b - y}" for f in range(6) for t, (x, y, r, b) in people.items()
    ]
    path.write_text("frame,track_id,x,y,w,h\n" + "\n".join(rows) + "\n")
    return path


def masks(tmp_path: Path, count: int = 6, size: tuple[int, int] = (96, 160)) -> Path:
    label = np.zeros(size, np.uint8)
    for track, (x1, y1, x2, y2) in ((1, STRANGER), (2, FIGURE)):
        label[y1:y2, x1:x2] = track
    starts = np.flatnonzero(np.diff(label.ravel(), prepend=255))
    path = tmp_path / "masks.npz"
    np.savez_compressed(
        path,
        shape=size,
        values=np.tile(label.ravel()[starts], count),
        lengths=np.tile(np.diff(starts, append=label.size), count),
        runs=[len(starts)] * count,
    )
    return path


def test_a_stranger_within_the_spared_box_of_a_resident_is_seen_by_masks_alone(
    original: Path, truth: Path, tmp_path: Path
) -> None:
    redacted = scenery(tmp_path / "out.mp4", lambda _: STRANGER, spare=RESIDENT)
    found = evaluate(original, redacted, truth, ZONE, masks=masks(tmp_path))
    d = found.to_dict()
    assert (d["outside"], d["leaked"]) == (6, 0), "today's figures look beside the resident's box"
    assert (d["by_masks"]["outside"], d["by_masks"]["shown"]) == (6, 6)
    assert all(0.4 < one.share < 0.8 and one.track_id == 1 for one in found.shown)
    assert found.shown[0].pixels == 28 * 60
    rows = dict(found.rows())
    assert (rows["people outside by exact masks"], rows["  shown"]) == ("6", "6 (100.00 %)")


def test_masks_change_no_other_figure(original: Path, truth: Path, tmp_path: Path) -> None:
    redacted = scenery(tmp_path / "out.mp4", lambda i: STRANGER if i % 2 else None)
    plain = evaluate(original, redacted, truth, ZONE).to_dict()
    with_masks = evaluate(original, redacted, truth, ZONE, masks=masks(tmp_path)).to_dict()
    assert plain.pop("by_masks") is None
    assert with_masks.pop("by_masks")["shown"] == 3
    assert plain == with_masks


def test_showing_is_timed_by_consecutive_frames_and_missing_frames_show_nobody(
    original: Path, truth: Path, tmp_path: Path
) -> None:
    redacted = scenery(tmp_path / "out.mp4", lambda i: STRANGER if i == 3 else None, count=5)
    found = evaluate(original, redacted, truth, ZONE, masks=masks(tmp_path))
    assert [one.frame for one in found.shown] == [0, 1, 2, 4]
    totals = found.to_dict()["by_masks"]
    assert (totals["outside"], totals["shown_tracks"]) == (6, 1)
    assert totals["longest_shown_seconds"] == pytest.approx(0.12)


def test_who_has_too_few_pixels_is_not_looked_at(
    original: Path, truth: Path, tmp_path: Path
) -> None:
    for least, people in ((28 * 60, 6), (28 * 60 + 1, 0)):
        options = EvaluateOptions(min_pixels=least)
        found = evaluate(original, original, truth, ZONE, options, masks=masks(tmp_path))
        assert len(found.outlined or ()) == people


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"count": 5}, "masks of 5 frames, but the clip has 6"),
        ({"count": 7}, "masks of 7 frames, but the clip has 6"),
        ({"size": (192, 160)}, "masks of 160x192 pixels, but the clip shows 160x96"),
    ],
)
def test_masks_of_another_clip_are_refused(
    original: Path, truth: Path, tmp_path: Path, changed: dict[str, int], said: str
) -> None:
    path = masks(tmp_path, **changed)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=said) as caught:
        evaluate(original, original, truth, ZONE, masks=path)
    assert str(caught.value).startswith(str(path))


def test_a_track_that_cannot_be_told_from_nobody_is_refused(
    original: Path, truth: Path, tmp_path: Path
) -> None:
    truth.write_text("frame,track_id,x,y,w,h\n0,0,56,8,28,60\n")
    with pytest.raises(ConfigError, match="track 0 cannot be told from nobody"):
        evaluate(original, original, truth, ZONE, masks=masks(tmp_path))


# -- one person's share ---------------------------------------------------------------------------

WHOLE = np.array([40.0, 20.0, 80.0, 120.0])


@pytest.fixture
def mask() -> np.ndarray:
    own = np.zeros((140, 180), np.bool_)
    own[20:120, 46:74] = True
    return own


def test_the_share_is_that_of_the_visible_pixels(mask: np.ndarray) -> None:
    y = (
        np.random.default_rng(0)
        .integers(0, 255, (35, 45))
        .repeat(4, 0)
        .repeat(4, 1)
        .astype(np.uint8)
    )
    for rows in (20, 45, 70, 95, 120):
        hidden = y.copy()
        hidden[20:rows] = 120
        share, certain = shown_share(y, hidden, None, WHOLE, mask)
        assert certain
        assert share == pytest.approx((120 - rows) / 100, abs=0.06)


def test_a_strip_one_block_wide_is_seen(mask: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    y = rng.integers(0, 255, (35, 45)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    hidden = np.full_like(y, 120)
    hidden[:, 56:64] = y[:, 56:64]
    noisy = (hidden + rng.normal(0, 2, y.shape)).clip(0, 255).astype(np.uint8)
    assert shown_share(y, noisy, None, WHOLE, mask)[0] == pytest.approx(8 / 28, abs=0.09)


def test_a_slope_that_every_blur_keeps_shows_nobody(mask: np.ndarray) -> None:
    y = np.tile(np.linspace(20, 230, 180), (140, 1)).astype(np.uint8)
    y[20:120:8, 46:74] += 20
    blurred = np.tile(np.linspace(20, 230, 180), (140, 1)).astype(np.uint8)
    assert shown_share(y, blurred, None, WHOLE, mask)[0] < 0.05
    assert shown_share(y, y, None, WHOLE, mask) == (1.0, True)


def test_a_person_erased_to_the_scene_is_not_shown(mask: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    scene = rng.integers(0, 255, (35, 45)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    y = np.where(mask, rng.integers(0, 255, scene.shape), scene).astype(np.uint8)
    assert shown_share(y, scene, scene.astype(np.float32), WHOLE, mask)[0] < 0.05


def test_without_structure_plain_pixels_are_compared(mask: np.ndarray) -> None:
    flat = np.full((140, 180), 90, np.uint8)
    assert shown_share(flat, flat + np.uint8(2), None, WHOLE, mask) == (1.0, False)
    assert shown_share(flat, flat + np.uint8(30), None, WHOLE, mask) == (0.0, False)


def test_a_mask_of_one_pixel_is_judged_too(mask: np.ndarray) -> None:
    mask[:] = False
    mask[139, 179] = True
    y = np.full((140, 180), 90, np.uint8)
    assert shown_share(y, y, None, WHOLE, mask) == (1.0, False)


def test_masks_may_be_given_as_they_are(original: Path, truth: Path, tmp_path: Path) -> None:
    path = masks(tmp_path)
    given = load_masks(path)
    assert isinstance(given, Masks)
    first, second = (evaluate(original, original, truth, ZONE, masks=m) for m in (path, given))
    assert first.outlined == second.outlined
