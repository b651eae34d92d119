"""Recall person by person on the rendered clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.walkers import Walkers
from redact.evaluate.truth import load_truth

SAMPLES = Path(__file__).parents[2] / "samples"
EMBEDDED = SAMPLES.parent / "redact/detectors/weights/redact-n.toml"


def test_everyone_who_can_be_seen_is_asked_about_and_misses_are_pictured() -> None:
    clip = SAMPLES / "driveway_small.mp4"
    walkers = Walkers(EMBEDDED, clip, 0.35, keep=True)
    truth = load_truth(clip.with_suffix(".gt.csv"))
    seen = truth.visibility >= 0.5
    counts = {int(t): int((seen & (truth.track_id == t)).sum()) for t in set(truth.track_id[seen])}
    assert {track: len(scores) for track, scores in walkers.found.items()} == counts
    assert walkers.recall(7, 0.35) > 0.9  # near, in full view
    for track in counts:
        assert walkers.recall(track, 0.1) >= walkers.recall(track, 0.5)
    frames = [index for index, _ in walkers.shots]
    assert len(frames) == 3
    assert min(abs(a - b) for a in frames for b in frames if a != b) >= 20
    for _, picture in walkers.shots:
        yellow = (np.abs(picture.astype(int) - (0, 230, 255)) < 40).all(axis=2)
        assert yellow.any()  # somebody missed
