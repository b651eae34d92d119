"""What does an attacker get out of hidden people? Four attacks, ours and others' effects.

    python -m benchmarks attack [--footage FOLDER] [--json FILE] [--clips NAME ...]

(a) bound: the most bits that the output can tell of a head in one hold, from the cells it lies in.
(b) accumulation: a textured head moves over many frames; the attacker knows its motion exactly,
    aligns all frames, and names which of 40 heads it is.
(c) deconvolution: as (b), each aligned frame sharpened by a Wiener filter for the known kernel.
(d) re-identification: hidden people of labelled footage. The gallery is the first part of each
    track, the probes come at least a second later; nearest neighbour, and ridge regression as a
    small learned matcher, both over the crops as they come out. Chance is one over the number of
    people in a clip. Intervals: 95 %, bootstrap over tracks.

A number near chance is good. Nothing that shows anybody is written: only the counts are.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from benchmarks.hiding import WAYS, Hide, Planes
from benchmarks.provenance import machine, today
from benchmarks.schema import RESULTS
from redact.config import EffectOptions
from redact.effects.outside import BLOCK
from redact.effects.raster import rasterise
from redact.sources import PyAVSource
from redact.structures import Mask

HEADS, FRAMES, SIDE = 40, 24, 24  # (b), (c): how many heads, frames of each, pixels of a head
KERNELS = (3, 5, 8, 12, 15, 16, 20, 24)  # pixels of (c)
SIZE = (24, 48)  # width and height that crops of (d) are brought to
SEEN, TALL, GAP = 0.6, 36, 1.0  # visible share, pixels, seconds between gallery and probe
Key = tuple[str, int]  # clip, track


# -- (a) ------------------------------------------------------------------------------------


def bound(boxes: np.ndarray, height: int, width: int, options: EffectOptions) -> list[float]:
    """Bits per hold over each head: cells that it touches x 3 x log2(levels)."""
    size = boxes[:, 2:] - boxes[:, :2]
    found = []
    for box, (w, h) in zip(boxes, size, strict=True):
        raster = rasterise(
            Mask(box[None].astype(np.float32), np.float32([min(w, h)])),
            height,
            width,
            options.cells,
        )
        x, y, r = box[0] + w / 2, box[1] + h / 14, h / 14
        row = min(max(int(y) // BLOCK, 0), raster.level.shape[0] - 1)
        column = min(max(int(x) // BLOCK, 0), raster.level.shape[1] - 1)
        side = BLOCK << int(raster.level[row, column])
        cells = math.prod(int((c + r) // side) - int((c - r) // side) + 1 for c in (x, y))
        found.append(cells * 3 * math.log2(options.levels))
    return found


# -- (b), (c) -------------------------------------------------------------------------------


def heads() -> list[np.ndarray]:
    """Textures with detail of every size, as faces have; no two alike."""
    made = []
    for seed in range(HEADS):
        rng = np.random.default_rng(seed)
        layers = [
            cv2.resize(rng.normal(0, 1, (n, n)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
            for n in (3, 6, 12)
        ]
        texture = sum(layers)
        made.append((texture - texture.mean()) / texture.std())
    return made


def moving(head: np.ndarray, hide: Hide) -> list[np.ndarray]:
    """The head's place in every hidden frame, aligned with what the attacker knows."""
    cut = []
    for index in range(FRAMES):
        x, y = 40 + 3 * index, 20 + index % 5
        luma = np.full((160, 192), 110, np.uint8)
        luma[y : y + 4 * SIDE, x - SIDE : x + 2 * SIDE] = 90  # the body
        luma[y : y + SIDE, x : x + SIDE] = np.clip(120 + 40 * head, 0, 255)
        chroma = np.full((80, 96), 128, np.uint8)
        box = np.array([[x - SIDE, y, x + 2 * SIDE, y + 6 * SIDE]], float)
        out = hide((luma, chroma, chroma.copy()), box, index, Fraction(index, 15))
        cut.append(out[0][y : y + SIDE, x : x + SIDE].astype(float))
    return cut


def sharpened(picture: np.ndarray, kernel: int) -> np.ndarray:
    """Wiener filter for a box filter of `kernel` pixels."""
    box = np.zeros((SIDE, SIDE))
    box[: min(kernel, SIDE), : min(kernel, SIDE)] = 1 / min(kernel, SIDE) ** 2
    transfer = np.fft.fft2(np.roll(box, (-(min(kernel, SIDE) // 2),) * 2, (0, 1)))
    inverse = transfer.conj() / (np.abs(transfer) ** 2 + 1e-3)
    return np.real(np.fft.ifft2(np.fft.fft2(picture) * inverse))


def name_heads(way: str) -> dict[str, dict[str, Any]]:
    """Share of heads that the aligned mean correlates with best, as it is, and sharpened with
    that of 8 kernels which serves the attacker best."""
    known = heads()
    aligned = [np.mean(moving(head, WAYS[way]()), axis=0) for head in known]
    chance = {"chance": round(1 / HEADS, 4)}
    sharp = max(_named([sharpened(a, k) for a in aligned], known) for k in KERNELS)
    return {
        "accumulation": _share(_named(aligned, known), HEADS) | chance,
        "deconvolution": _share(sharp, HEADS) | chance,
    }


def _named(pictures: list[np.ndarray], known: list[np.ndarray]) -> int:
    mean = np.mean(pictures, axis=0)  # the attacker knows what all have in common
    return sum(_best(picture - mean, known) == i for i, picture in enumerate(pictures))


def _best(picture: np.ndarray, known: list[np.ndarray]) -> int:
    if picture.std() < 1e-9:
        return -1
    return int(np.argmax([np.corrcoef(picture.ravel(), k.ravel())[0, 1] for k in known]))


def _share(hits: int, of: int) -> dict[str, Any]:
    """With Wilson's interval."""
    z, p = 1.96, hits / of
    middle, spread = p + z * z / (2 * of), z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    low, high = ((middle + s * spread) / (1 + z * z / of) for s in (-1, 1))
    return {"rate": round(p, 4), "interval": [round(max(0.0, low), 4), round(high, 4)]}


# -- (d) ------------------------------------------------------------------------------------


def labels(path: Path) -> dict[int, list[tuple[int, np.ndarray, float]]]:
    """Frame -> (track, xyxy, visible share)."""
    found: dict[int, list[tuple[int, np.ndarray, float]]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            x, y, w, h = (float(row[k]) for k in "xywh")
            seen = float(row.get("visibility") or 1)
            found[int(row["frame"])].append(
                (int(row["track_id"]), np.array([x, y, x + w, y + h]), seen)
            )
    return found


def crop(planes: Planes, box: np.ndarray) -> np.ndarray:
    """(3 * 24 * 48,) of the box as it came out: no size, no place."""
    parts = []
    for plane, scale in zip(planes, (1.0, 0.5, 0.5), strict=True):
        x1, y1, x2, y2 = np.clip(box * scale, 0, np.array(plane.shape[::-1] * 2)).astype(int)
        part = plane[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
        parts.append(cv2.resize(part, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32))
    return np.stack(parts).ravel() / 64


Crops = dict[int, list[tuple[float, np.ndarray]]]  # track -> (seconds, crop)


def crops_of(clip: Path, way: str, region: str) -> Iterator[tuple[int, float, np.ndarray]]:
    told, hide = labels(clip.with_suffix(".gt.csv")), WAYS[way]()
    source = PyAVSource(clip)
    try:
        for frame in source:
            here = told.get(frame.index, [])
            if not here:
                continue
            boxes = np.stack([box for _, box, _ in here])
            planes = hide((frame.y, frame.u, frame.v), boxes, frame.index, frame.time)
            for track, box, seen in here:
                inside = (box >= 0).all() and box[2] <= frame.width and box[3] <= frame.height
                if seen >= SEEN and box[3] - box[1] >= TALL and inside and frame.index % 2 == 0:
                    yield track, float(frame.time), crop(planes, _part(box, region))
    finally:
        source.close()


def _part(box: np.ndarray, region: str) -> np.ndarray:
    if region == "body":
        return box
    x, r = (box[0] + box[2]) / 2, (box[3] - box[1]) / 14
    return np.array([x - r, box[1], x + r, box[1] + 2 * r])


def identify(clip: Path, way: str, region: str) -> dict[str, list[list[bool]]]:
    """Matcher -> per track, whether each probe was named rightly."""
    tracks: Crops = defaultdict(list)
    for track, time, picture in crops_of(clip, way, region):
        tracks[track].append((time, picture))
    gallery, owners, probes = [], [], dict[int, list[np.ndarray]]()
    for track, seen in tracks.items():
        first, last = seen[0][0], seen[-1][0]
        split = first + (last - first - GAP) / 2
        later = [picture for time, picture in seen if time >= split + GAP]
        before = [picture for time, picture in seen if time <= split]
        if len(later) >= 3 and len(before) >= 3:
            gallery += before
            owners += [track] * len(before)
            probes[track] = later
    if len(probes) < 3:
        return {}
    pool, names = np.stack(gallery), np.array(owners)
    mean = pool.mean(0)
    pool = pool - mean
    ids = np.array(sorted(probes))
    wanted = np.where(names[:, None] == ids[None], 1.0, 0.0) / np.maximum(
        1, (names[:, None] == ids[None]).sum(0)
    )
    gram = pool @ pool.T
    weights = np.linalg.solve(
        gram + (0.05 * np.trace(gram) / len(gram) + 1e-6) * np.eye(len(gram)), wanted
    )
    found: dict[str, list[list[bool]]] = {"nearest": [], "learned": []}
    rng = np.random.default_rng(0)
    for track, pictures in probes.items():
        asked = np.stack(pictures) - mean
        near = 2 * asked @ pool.T - (pool**2).sum(1)[None] - (asked**2).sum(1)[:, None]
        near = near + rng.uniform(0, 1e-6, near.shape)  # ties are guessed, not won by order
        scores = asked @ pool.T @ weights
        scores = scores + rng.uniform(0, 1e-9, scores.shape)
        found["nearest"].append((names[near.argmax(1)] == track).tolist())
        found["learned"].append((ids[scores.argmax(1)] == track).tolist())
    return found


def rank_one(per_clip: list[list[list[bool]]]) -> dict[str, Any]:
    """Mean over tracks of the share named rightly, chance, and a bootstrap over tracks."""
    rates = np.array([np.mean(track) for clip in per_clip for track in clip])
    chance = np.array([1 / len(clip) for clip in per_clip for _ in clip])
    rng = np.random.default_rng(1)
    means = [rng.choice(rates, len(rates)).mean() for _ in range(4000)]
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "rate": round(float(rates.mean()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "chance": round(float(chance.mean()), 4),
        "tracks": len(rates),
        "at_chance": bool(low <= chance.mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--footage", type=Path, default=Path("../shared/footage"))
    parser.add_argument(
        "--clips", nargs="*", default=["pets09_s2l1", "tud_campus", "shopdoor_cctv"]
    )
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--json", type=Path, default=RESULTS / f"attack-{today()}.json")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    clips = [args.footage / f"{name}.mp4" for name in args.clips]
    clips = [clip for clip in clips if clip.exists()]
    if not clips:
        print(f"{args.footage}: no labelled clips; (a) and (d) are left out")
    result: dict[str, Any] = {
        "machine": msgspec.to_builtins(machine()),
        "clips": args.clips,
        "ways": {},
    }
    for clip in clips:
        result.setdefault("bits_per_hold_over_a_head", {})[clip.stem] = _bits(clip)
    for way in args.ways:
        row: dict[str, Any] = name_heads(way)
        for region in ("body", "head"):
            found = [identify(clip, way, region) for clip in clips]
            for matcher in ("nearest", "learned"):
                if parts := [f[matcher] for f in found if f]:
                    row[f"{region}, {matcher}"] = rank_one(parts)
        result["ways"][way] = row
        print(way, json.dumps(row), flush=True)
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=1) + "\n")


def _bits(clip: Path) -> dict[str, Any]:
    source = PyAVSource(clip)
    width, height = source.info.width, source.info.height
    source.close()
    boxes = [b for here in labels(clip.with_suffix(".gt.csv")).values() for _, b, _ in here]
    bits = bound(np.stack(boxes[::10]), height, width, EffectOptions())
    return {"median": float(np.median(bits)), "most": max(bits), "fill": 0.0}


if __name__ == "__main__":
    main()
