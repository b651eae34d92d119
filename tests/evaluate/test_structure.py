"""One person's kept structure, on made-up pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from redact.evaluate.structure import Kept, kept_structure

NOBODY = np.zeros((0, 4))
BOX = np.array([60.0, 20.0, 100.0, 120.0])


@pytest.fixture
def scene() -> np.ndarray:
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(rng.uniform(40, 200, (140, 180)).astype(np.float32), (0, 0), 2)


@pytest.fixture
def original(scene: np.ndarray) -> np.ndarray:
    """A figure of coarse texture in the box, on the scene."""
    rng = np.random.default_rng(1)
    person = cv2.GaussianBlur(rng.uniform(0, 255, (100, 28)).astype(np.float32), (0, 0), 1.5)
    picture = scene.copy()
    picture[20:120, 66:94] = (person - person.mean()) * 2 + 120
    return picture.clip(0, 255).astype(np.uint8)


def judge(original: np.ndarray, redacted: np.ndarray, scene: np.ndarray | None = None) -> Kept:
    return kept_structure(original, redacted, scene, BOX, NOBODY, NOBODY)


def noisy(picture: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, 2, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def test_an_unchanged_person_is_kept_in_spite_of_noise(original: np.ndarray) -> None:
    kept = judge(original, noisy(original))
    assert min(kept.head or 0, kept.body or 0) > 0.9


def test_a_person_erased_to_the_textured_scene_is_not_kept(
    original: np.ndarray, scene: np.ndarray
) -> None:
    erased = scene.astype(np.uint8)
    kept = judge(original, noisy(erased), scene)
    assert max(kept.head or 0, kept.body or 0) < 0.05


def test_a_mean_colour_keeps_nothing(original: np.ndarray) -> None:
    hidden = original.copy()
    hidden[20:120, 60:100] = 120
    kept = judge(original, noisy(hidden))
    assert (kept.head, kept.body) == (0, 0)


def test_head_and_body_are_told_apart(original: np.ndarray) -> None:
    hidden = original.copy()
    hidden[36:120, 60:100] = 120
    kept = judge(original, hidden)
    assert (kept.head or 0) > 0.7
    assert (kept.body or 0) < 0.1


def test_dim_people_are_judged_as_bright_ones(original: np.ndarray) -> None:
    dim = (20 + original * 0.15).astype(np.uint8)
    assert (judge(dim, dim).whole or 0) > 0.95
    hidden = dim.copy()
    hidden[20:120, 60:100] = 36
    assert judge(dim, hidden).whole == 0


def test_a_person_without_any_structure_is_compared_by_plain_pixels() -> None:
    flat = np.full((140, 180), 90, np.uint8)
    assert judge(flat, flat) == Kept(None, 1.0, 1.0, 1.0, certain=False)
    assert judge(flat, flat + np.uint8(30)).whole == 0


def test_pixels_of_a_nearer_person_are_not_judged(original: np.ndarray) -> None:
    hidden = original.copy()
    hidden[20:120, 60:80] = 120
    right = np.array([[80.0, 10.0, 110.0, 130.0]])
    assert (judge(original, hidden).whole or 0) > 0.3
    assert (kept_structure(original, hidden, None, BOX, right, NOBODY).whole or 0) < 0.12


def test_a_person_wholly_behind_a_nearer_one_cannot_be_judged(original: np.ndarray) -> None:
    nearer = np.array([[50.0, 10.0, 110.0, 130.0]])
    assert kept_structure(original, original, None, BOX, nearer, NOBODY).whole is None


def test_a_person_beyond_the_frame_cannot_be_judged(original: np.ndarray) -> None:
    box = np.array([-60.0, 20.0, -10.0, 120.0])
    assert kept_structure(original, original, None, box, NOBODY, NOBODY).whole is None


def test_the_ideal_share_leaves_out_other_boxes(original: np.ndarray) -> None:
    left = np.array([[40.0, 0.0, 80.0, 140.0]])
    kept = kept_structure(original, original, None, BOX, NOBODY, left)
    assert kept.whole == pytest.approx(1, abs=0.01)
    assert 0.3 < (kept.ideal or 0) < 0.7


@pytest.mark.parametrize("scale", [0.4, 3])
def test_near_and_far_people_read_alike(original: np.ndarray, scale: float) -> None:
    sized = cv2.resize(original, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    kept = kept_structure(sized, noisy(sized), None, BOX * scale, NOBODY, NOBODY)
    assert (kept.body or 0) > 0.85
