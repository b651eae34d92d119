"""A tiny set of labelled pictures in the format of `models.images`."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

# `models` is no part of the package; appended, so that `redact` stays the installed one.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from models.config import Config, DataOptions, TeacherOptions, TrainOptions

ROWS = [
    {"file": "a_1.jpg", "labelled": ["person"], "boxes": [[0, 20, 10, 30, 80, 0]]},
    {"file": "a_2.jpg", "labelled": [], "boxes": [[1, 40, 20, 20, 20, 0], [0, 1, 1, 3, 3, 1]]},
    {"file": "b_1.jpg", "labelled": ["person", "face"], "boxes": []},
]


@pytest.fixture
def recipe(tmp_path: Path) -> Config:
    rng = np.random.default_rng(0)
    with tarfile.open(tmp_path / "one.tar", "w") as tar:
        for row in ROWS:
            picture = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
            content = cv2.imencode(".jpg", picture)[1].tobytes()
            member = tarfile.TarInfo(str(row["file"]))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    lines = [
        json.dumps(row | {"w": 128, "h": 96, "source": "s", "shard": "one.tar"}) for row in ROWS
    ]
    (tmp_path / "labels.jsonl").write_text("\n".join(lines))
    taught = {
        "a_1.jpg": [
            [0, 100, 10, 120, 60, 0.9],
            [1, 30, 12, 40, 24, 0.9],
            [1, 100, 60, 110, 70, 0.9],
        ],
        "a_2.jpg": [[0, 30, 15, 70, 90, 0.8], [0, 90, 15, 110, 90, 0.2]],
        "b_1.jpg": [[0, 30, 15, 70, 90, 0.8]],
    }
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "pseudo.jsonl").write_text(
        "\n".join(json.dumps({"file": k, "boxes": v}) for k, v in taught.items())
    )
    return Config(
        name="tiny",
        work=tmp_path / "work",
        data=DataOptions(folder=tmp_path),
        teacher=TeacherOptions(models=[]),
        train=TrainOptions(size=(96, 96), batch=2, steps=4, warm_up=1, clean_last=1, workers=0),
    )


@pytest.fixture
def with_steps():
    return lambda config, steps: msgspec.structs.replace(
        config, train=msgspec.structs.replace(config.train, steps=steps)
    )
