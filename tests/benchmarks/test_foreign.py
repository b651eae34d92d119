"""Other tools' effects, as they are attacked here: the same as their packages', where those are."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.foreign import FOREIGN, compare, sample
from benchmarks.hiding import WAYS
from benchmarks.schema import BenchmarkError


def test_each_is_what_its_package_does_to_the_pixel() -> None:
    environment = os.environ.get("REDACT_PEERS_VENV")
    if not environment:
        pytest.skip("REDACT_PEERS_VENV names no environment of `python -m benchmarks peers`")
    apart, versions = compare(Path(environment).absolute())
    assert apart == dict.fromkeys(FOREIGN, 0), versions


def test_no_environment_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="make it with `python -m benchmarks peers`"):
        compare(tmp_path)


@pytest.mark.parametrize("name", FOREIGN)
def test_each_changes_the_boxes_alone(name: str) -> None:
    picture, _ = sample()
    painted, box = picture.copy(), np.array([[100.0, 60.0, 160.0, 140.0]])
    FOREIGN[name](painted, box)
    changed = np.argwhere((painted != picture).any(axis=2))
    low, high = changed.min(0), changed.max(0)
    margin = 24 if name == "deface" else 0
    assert (low >= [60 - margin, 100 - margin]).all()
    assert (high < [140 + margin, 160 + margin]).all()
    assert len(changed) > 2000


@pytest.mark.parametrize(
    "way", [way for way in WAYS if "redact" not in way and "nothing" not in way]
)
def test_planes_come_back_as_planes(way: str) -> None:
    rng = np.random.default_rng(1)
    planes = tuple(rng.integers(60, 180, shape, np.uint8) for shape in ((96, 128), *[(48, 64)] * 2))
    boxes = np.array([[30.0, 10.0, 60.0, 80.0]])
    out = WAYS[way]()(planes, boxes, 0, Fraction(0))  # type: ignore[arg-type]
    assert [plane.shape for plane in out] == [plane.shape for plane in planes]
    far = np.abs(out[0][:, 90:].astype(int) - planes[0][:, 90:])
    assert np.median(far) <= 3, "what is not painted survives the way there and back"
