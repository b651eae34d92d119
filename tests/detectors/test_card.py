"""What runs on a graphics card, run on the processor: the same answers as without one.

The last tests need a card. Without one they are skipped, unless FAIL_WITHOUT_GPU=1 says that the
machine is meant to have one.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import heads
import numpy as np
import onnx_graphs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import flat

torch = pytest.importorskip("torch", reason="PyTorch is absent: pip install 'redact[cuda]'")

from redact.config import EMBEDDED, DetectorOptions  # noqa: E402
from redact.detectors import load_description, load_detector  # noqa: E402
from redact.detectors.card.boxes import MOST, pick, suppressed  # noqa: E402
from redact.detectors.card.detector import TorchDetector  # noqa: E402
from redact.detectors.card.graph import TorchGraph  # noqa: E402
from redact.detectors.card.pictures import Pictures, axis_matrix  # noqa: E402
from redact.detectors.description import read_files  # noqa: E402
from redact.detectors.families.base import Wanted  # noqa: E402
from redact.detectors.letterbox import Fit, letterbox, shrink  # noqa: E402
from redact.detectors.loading import located  # noqa: E402
from redact.detectors.runtime import Network  # noqa: E402
from redact.detectors.suppression import (  # noqa: E402
    Suppression,
    keep_best,
    overlaps,
    suppress,
)
from redact.devices import check_device  # noqa: E402
from redact.errors import ConfigError, ModelError  # noqa: E402
from redact.structures import Colour, Detections, Frame, Label, chroma_shape  # noqa: E402

HERE = torch.device("cpu")
UNIT = ((0.0,) * 3, (255.0,) * 3)
FLOAT = located(EMBEDDED, "cuda")


def scene(width: int, height: int, seed: int = 0, colour: Colour | None = None) -> Frame:
    """Smooth shapes and noise, with rows wider than the picture."""
    rng = np.random.default_rng(seed)
    planes = []
    for rows, columns in ((height, width), *[chroma_shape(height, width)] * 2):
        waves = np.add.outer(np.sin(np.arange(rows) / 7), np.cos(np.arange(columns) / 9))
        values = 128 + 50 * waves + rng.normal(0, 9, (rows, columns))
        plane = np.zeros((rows, columns + 8), np.uint8)
        plane[:, :columns] = np.clip(values, 0, 255)
        planes.append(plane[:, :columns])
    return Frame(*planes, 0, Fraction(1, 15), colour=colour or Colour())


# -- pictures -------------------------------------------------------------------------------


@given(st.integers(1, 400), st.integers(1, 120))
@settings(max_examples=40, deadline=None)
def test_one_matrix_shrinks_as_the_steps_do(source: int, target: int) -> None:
    column = np.random.default_rng(source).integers(0, 256, (source, 1), np.uint8)
    matrix = axis_matrix(source, target)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5)
    by_steps = shrink(column, 1, target)[:, 0].astype(float)
    steps = 1 + max(0, int(np.log2(source / target)))
    assert np.abs(matrix @ column[:, 0] - by_steps).max() <= 0.5 * steps + 0.6


@pytest.mark.parametrize(
    ("size", "fit", "colour"),
    [
        ((320, 180), Fit(96, 160), Colour()),
        ((97, 331), Fit(128, 64, order="bgr"), Colour(full_range=True, matrix=5)),
        ((640, 65), Fit(64, 64, pad=None), Colour(matrix=9)),
        ((64, 48), Fit(96, 96, pad=0), Colour(matrix=1)),
    ],
)
@pytest.mark.parametrize("half", [False, True])
def test_pictures_are_those_of_the_processor_but_for_rounding(
    size: tuple[int, int], fit: Fit, colour: Colour, half: bool
) -> None:
    frames = [scene(*size, seed, colour) for seed in range(3)]
    made, transform = Pictures(HERE, *UNIT, half).make(frames, fit)
    assert made.shape == (3, 3, fit.height, fit.width)
    for picture, frame in zip(made, frames, strict=True):
        wanted, same = letterbox(frame, fit.height, fit.width, fit.pad, fit.order)
        assert transform == same
        apart = np.abs(255 * picture.float().permute(1, 2, 0).numpy() - wanted)
        assert apart.max() <= 8  # a step of rounding in chroma is worth up to 2.2 grey levels
        assert apart.mean() < 1.2


# -- networks -------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [False, True])
def test_the_embedded_network_answers_as_on_openvino(half: bool) -> None:
    description = load_description(FLOAT)
    files = read_files(description.file)
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (2, 96, 160, 3), np.uint8)
    network = Network(files, "float", 1, mean=UNIT[0], std=UNIT[1])
    graph = TorchGraph(files, "float", (2, 96, 160), HERE, half)
    given_ = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    (answer,) = graph.run(given_.half() if half else given_)
    assert graph.batched
    assert answer.dtype == torch.float32
    for got, picture in zip(answer.numpy(), pictures, strict=True):
        (wanted,) = network.run(picture)
        assert np.abs(got[:4] - wanted[0, :4]).max() < (0.5 if half else 0.01)  # pixels
        assert np.abs(got[4:] - wanted[0, 4:]).max() < (0.01 if half else 1e-4)


def test_a_graph_that_cannot_run_there_says_why(tmp_path: Path) -> None:
    int8 = read_files(load_description(located(EMBEDDED)).file)
    with pytest.raises(ModelError, match="INT8 graph: name its float twin"):
        TorchGraph(int8, "int8", (1, 96, 160), HERE, False)
    sized = onnx_graphs.save_head(tmp_path, "deim")
    with pytest.raises(ModelError, match="several inputs"):
        load_detector([sized], device="torch-cpu").detect([flat()])


# -- boxes ----------------------------------------------------------------------------------


def crowd(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes that overlap much, scores from high to low, and labels."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 40, (count, 2))
    xyxy = np.concatenate([corner, corner + rng.uniform(10, 40, (count, 2))], axis=1)
    return xyxy.astype(np.float32), np.linspace(0.9, 0.2, count), rng.integers(0, 2, count)


@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_suppression_keeps_what_the_greedy_one_keeps(seed: int, count: int, overlap: float) -> None:
    xyxy, score, label = crowd(seed, count)
    wanted = Wanted.of({Label.PERSON: (0,), Label.FACE: (1,)}, dict.fromkeys(Label, 0.1))
    given_ = torch.from_numpy(xyxy)[None], torch.from_numpy(label)[None]
    everybody = torch.ones(1, count, dtype=torch.bool)
    kept = suppressed(*given_, everybody, wanted, overlap)[0].numpy()
    greedy = set()
    for kind in (0, 1):
        rows = np.flatnonzero(label == kind)
        best = keep_best(xyxy[rows], score[rows].astype(np.float32), overlap)
        greedy |= set(rows[best].tolist())
    assert set(np.flatnonzero(kept).tolist()) == greedy


def test_a_chain_of_overlaps_that_is_too_long_keeps_more_not_less() -> None:
    """Each box overlaps the next one alone; greedy suppression keeps every other one."""
    left = np.arange(60, dtype=np.float32) * 4
    xyxy = np.stack([left, 0 * left, left + 10, 0 * left + 10], axis=1)
    wanted = Wanted.of({Label.PERSON: (0,)}, {Label.PERSON: 0.1})
    assert overlaps(xyxy[:1], xyxy[1:3])[0] == pytest.approx([6 / 14, 2 / 18])
    everybody = torch.ones(1, 60, dtype=torch.bool)
    label = torch.zeros(1, 60, dtype=torch.int64)
    kept = suppressed(torch.from_numpy(xyxy)[None], label, everybody, wanted, 0.4)[0].numpy()
    assert kept[::2].all()
    assert kept.sum() > 30


@given(st.integers(0, 10_000), st.integers(1, 60), st.sampled_from([0.5, 0.7, 0.9]))
@settings(max_examples=40, deadline=None)
def test_boxes_vote_here_as_they_do_on_the_processor(seed: int, count: int, vote: float) -> None:
    xyxy, score, label = crowd(seed, count)
    how = Suppression(vote=vote, repeat=0.5)
    floors = dict.fromkeys(Label, 0.1)
    wanted = Wanted.of({Label.PERSON: (0,), Label.FACE: (1,)}, floors, how)
    rows = np.zeros((1, 6, count), np.float32)
    rows[0, :2], rows[0, 2:4] = (xyxy[:, :2] + xyxy[:, 2:]).T / 2, (xyxy[:, 2:] - xyxy[:, :2]).T
    rows[0, 4 + label, np.arange(count)] = score
    picked = pick(torch.from_numpy(rows), wanted)
    there = picked.table[0][picked.kept[0]].numpy()
    here = suppress(Detections(xyxy, score.astype(np.float32), label.astype(np.uint8)), how)
    assert len(there) == len(here)
    order = np.argsort(-here.score, kind="stable")
    np.testing.assert_allclose(there[:, :4], here.xyxy[order], atol=1e-3)
    np.testing.assert_array_equal(there[:, 5], here.label[order])


def test_a_score_that_is_no_number_is_never_an_empty_picture() -> None:
    rows = torch.zeros(3, 6, 84)
    rows[0, 4, 3], rows[1, 4, 3], rows[2, 0, 5] = float("nan"), 1.5, float("inf")
    rows[2, 4, 5] = 0.8
    wanted = Wanted.of({Label.PERSON: (0,)}, {Label.PERSON: 0.1})
    assert pick(rows, wanted).sound.tolist() == [False, False, False]


# -- the whole ------------------------------------------------------------------------------


def matched(some: Detections, others: Detections, floor: float) -> bool:
    """Whether each box of some that is surer than the floor has its like among the others."""
    sure = some.select(some.score > floor)
    if not len(sure):
        return True
    same = sure.label[:, None] == others.label[None]
    return bool((np.where(same, overlaps(sure.xyxy, others.xyxy), 0).max(axis=1) > 0.85).all())


@pytest.fixture(scope="module")
def street() -> list[Frame]:
    from redact.sources import PyAVSource

    clip = Path(__file__).resolve().parents[2] / "samples" / "driveway_small.mp4"
    source = PyAVSource(clip)
    try:
        return [frame for frame in source if frame.index in (30, 90, 150)]
    finally:
        source.close()


def test_people_are_found_as_on_the_processor(street: list[Frame]) -> None:
    options = DetectorOptions(long_side=320)
    card = load_detector([EMBEDDED], options, "torch-cpu")
    plain = load_detector([FLOAT], options)
    assert isinstance(card, TorchDetector)
    assert card.labels == plain.labels
    assert card.trust == plain.trust  # type: ignore[attr-defined]
    both = list(zip(card.detect(street), plain.detect(street), strict=True))
    assert sum(len(one) for one, _ in both) > 5
    for one, other in both:
        assert matched(one, other, 0.17)
        assert matched(other, one, 0.17)


@pytest.mark.parametrize("head", heads.HEADS)
def test_every_family_answers_the_same(tmp_path: Path, head: str) -> None:
    path = onnx_graphs.save_head(tmp_path, head)
    frames = [flat(320, 240), flat(640, 64), flat(320, 240)]
    plain = load_detector([path]).detect(frames)
    card = load_detector([path], device="torch-cpu")
    if head == "deim":
        with pytest.raises(ModelError, match="do not run on a graphics card"):
            card.detect(frames)
        return
    found = card.detect(frames)
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=0.01)
        np.testing.assert_allclose(one.score, other.score, atol=1e-5)
        np.testing.assert_array_equal(one.label, other.label)


def test_a_batch_is_answered_as_each_frame_alone(street: list[Frame]) -> None:
    card = load_detector([EMBEDDED], DetectorOptions(long_side=160), "torch-cpu")
    together = card.detect([*street, flat(64, 64)])
    for frame, found in zip([*street, flat(64, 64)], together, strict=True):
        (alone,) = card.detect([frame])
        np.testing.assert_allclose(found.xyxy, alone.xyxy, atol=0.05)
        np.testing.assert_allclose(found.score, alone.score, atol=1e-3)
    assert card.detect([]) == []


def test_more_candidates_than_the_device_takes_are_all_kept(tmp_path: Path) -> None:
    table = np.zeros((1, 84, len(heads.cells((8, 16, 32)))), np.float32)
    many = min(MOST + 50, table.shape[2])
    table[0, 0, :many] = np.arange(many) % 32 * 10
    table[0, 1, :many] = np.arange(many) // 32 * 15
    table[0, 2:4, :many], table[0, 4, :many] = 8, 0.9
    path = onnx_graphs.save(tmp_path / "many.onnx", [table])
    plain = load_detector([path]).detect([flat()])[0]
    found = load_detector([path], device="torch-cpu").detect([flat()])[0]
    assert len(found) == len(plain) == many > MOST


def test_a_network_that_answers_garbage_is_an_error(tmp_path: Path) -> None:
    (table,) = heads.yolo()
    table[0, 4, 3] = np.nan
    path = onnx_graphs.save(tmp_path / "nan.onnx", [table])
    with pytest.raises(ModelError, match="not finite"):
        load_detector([path], device="torch-cpu").detect([flat()])


# -- devices --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CUDA:0", ""])
def test_an_unknown_device_is_an_error_that_names_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match="expected cpu, cuda"):
        check_device(name)


def test_a_card_that_is_not_there_is_an_error_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="cuda:99: no such graphics card"):
        check_device("cuda:99")


def need_a_card() -> Any:
    if not torch.cuda.is_available():
        if os.environ.get("FAIL_WITHOUT_GPU") == "1":
            pytest.fail("FAIL_WITHOUT_GPU=1, and PyTorch finds no graphics card")
        pytest.skip("no graphics card; FAIL_WITHOUT_GPU=1 makes this a failure")
    return torch.device("cuda", 0)


def test_a_card_finds_who_the_processor_finds(street: list[Frame]) -> None:
    need_a_card()
    card, plain = load_detector([EMBEDDED], None, "cuda:0"), load_detector([FLOAT])
    for _ in range(3):  # the first run captures, the others replay
        for one, other in zip(card.detect(street * 8), plain.detect(street) * 8, strict=True):
            assert matched(one, other, 0.2)
            assert matched(other, one, 0.2)


def test_half_precision_on_a_card_is_near_single_on_the_processor() -> None:
    device = need_a_card()
    files = read_files(load_description(FLOAT).file)
    picture = torch.rand(8, 3, 384, 640)
    (there,) = TorchGraph(files, "float", (8, 384, 640), device, True).run(
        picture.to(device).half()
    )
    (here,) = TorchGraph(files, "float", (8, 384, 640), HERE, False).run(picture)
    assert (there.cpu()[:, 4:] - here[:, 4:]).abs().max() < 0.02
    assert (there.cpu()[:, :4] - here[:, :4]).abs().max() < 1
