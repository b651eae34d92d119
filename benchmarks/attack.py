"""What does an attacker get out of hidden people? Four attacks, ours and others' effects.

    python -m benchmarks attack [--footage FOLDER] [--json FILE] [--clips NAME ...]

(a) bound: the most bits that the output can tell of a head in one hold, from the cells it lies in.
(b) accumulation: a textured head moves over many frames; the attacker knows its motion exactly,
    aligns all frames, and names which of 40 heads it is.
(c) deconvolution: as (b), each aligned frame sharpened by a Wiener filter for the known kernel.
(d) re-identification: hidden people of labelled footage. The gallery is the first part of each
    track, the probes come at least a second later. Matchers: `geometry` alone (the foot's place and
    the box's size), which no effect hides, so that it is the baseline; `pixels`, nearest neighbour
    of crops brought to one size; `learned`, ridge regression on them; `both`, geometry and pixels
    together. Chance is one over the number of people in a clip. Intervals: 95 %, bootstrap over
    tracks. What an effect gives away is what `both` names over `geometry`.

A number near chance is good. Nothing that shows anybody is written: only the counts are.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import defaultdict
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


Sight = tuple[float, np.ndarray, dict[str, np.ndarray]]  # seconds, geometry, region -> crop
REGIONS = ("body", "head")
MATCHERS = ("geometry", "pixels", "learned", "both")


def sights_of(clip: Path, way: str) -> dict[int, list[Sight]]:
    """Every second frame of each track, as it comes out."""
    told, hide = labels(clip.with_suffix(".gt.csv")), WAYS[way]()
    tracks: dict[int, list[Sight]] = defaultdict(list)
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
                    crops = {region: crop(planes, _part(box, region)) for region in REGIONS}
                    tracks[track].append((float(frame.time), _geometry(box), crops))
    finally:
        source.close()
    return tracks


def _part(box: np.ndarray, region: str) -> np.ndarray:
    if region == "body":
        return box
    x, r = (box[0] + box[2]) / 2, (box[3] - box[1]) / 14
    return np.array([x - r, box[1], x + r, box[1] + 2 * r])


def _geometry(box: np.ndarray) -> np.ndarray:
    """Where the foot is, and the logarithms of width and height: what no effect hides."""
    w, h = box[2:] - box[:2]
    return np.array([(box[0] + box[2]) / 2, box[3], 40 * np.log(w), 40 * np.log(h)])


def _split(seen: list[Sight]) -> tuple[list[Sight], list[Sight]]:
    """The earlier part, and what comes at least GAP seconds later."""
    first, last = seen[0][0], seen[-1][0]
    split = first + (last - first - GAP) / 2
    return [s for s in seen if s[0] <= split], [s for s in seen if s[0] >= split + GAP]


def identify(tracks: dict[int, list[Sight]], region: str) -> dict[str, list[tuple[int, float]]]:
    """Matcher -> (people to choose from, share of the probes named rightly) of each track."""
    parts = {track: _split(seen) for track, seen in tracks.items()}
    parts = {t: both for t, both in parts.items() if min(map(len, both)) >= 3}
    if len(parts) < 3:
        return {}
    names = np.array([t for t, (early, _) in parts.items() for _ in early])
    early = [s for pool, _ in parts.values() for s in pool]
    place, look = np.stack([s[1] for s in early]), np.stack([s[2][region] for s in early])
    learned = _Learned(look, names)
    found: dict[str, list[tuple[int, float]]] = {matcher: [] for matcher in MATCHERS}
    rng = np.random.default_rng(0)
    for track, (_, late) in parts.items():
        where, seen = np.stack([s[1] for s in late]), np.stack([s[2][region] for s in late])
        geometry, pixels = _apart(where, place), _apart(seen, look)
        scores = {
            "geometry": (-geometry, names),
            "pixels": (-pixels, names),
            "learned": (learned(seen), learned.ids),
            "both": (-geometry - pixels, names),
        }
        for matcher, (score, of) in scores.items():
            score = score + rng.uniform(0, 1e-9, score.shape)  # ties are guessed, not won by order
            found[matcher].append((len(parts), float((of[score.argmax(1)] == track).mean())))
    return found


def _apart(asked: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Squared distances (probes, gallery), in units of how far the gallery is apart itself."""
    near = (asked**2).sum(1)[:, None] + (pool**2).sum(1)[None] - 2 * asked @ pool.T
    spread = 2 * pool.var(0).sum()
    return near / spread if spread > 1e-9 else np.zeros_like(near)


class _Learned:
    """Ridge regression of the gallery's names on its pixels."""

    def __init__(self, pool: np.ndarray, names: np.ndarray) -> None:
        self._mean, self.ids = pool.mean(0), np.unique(names)
        self._pool = pool - self._mean
        is_it = names[:, None] == self.ids[None]
        gram = self._pool @ self._pool.T
        weight = (0.05 * np.trace(gram) / len(gram) + 1e-6) * np.eye(len(gram))
        self._weights = np.linalg.solve(gram + weight, is_it / np.maximum(1, is_it.sum(0)))

    def __call__(self, asked: np.ndarray) -> np.ndarray:
        return (asked - self._mean) @ self._pool.T @ self._weights


def rank_one(found: list[dict[str, list[tuple[int, float]]]], matcher: str) -> dict[str, Any]:
    """Mean over tracks of the share named rightly, chance, what it is more than geometry alone
    gives (paired, track by track), and bootstraps over tracks."""
    several = [track for clip in found for track in clip[matcher]]
    rates = np.array([rate for _, rate in several])
    chance = float(np.mean([1 / people for people, _ in several]))
    plain = np.array([rate for clip in found for _, rate in clip["geometry"]])
    low, high = _bootstrap(rates)
    less, more = _bootstrap(rates - plain)
    return {
        "rate": round(float(rates.mean()), 4),
        "interval": [low, high],
        "chance": round(chance, 4),
        "tracks": len(rates),
        "at_chance": bool(low <= chance),
        "over_geometry": round(float((rates - plain).mean()), 4),
        "over_geometry_interval": [less, more],
    }


def _bootstrap(values: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    means = rng.choice(values, (4000, len(values))).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


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
        sights = [sights_of(clip, way) for clip in clips]
        for region in REGIONS:
            found = [f for f in (identify(tracks, region) for tracks in sights) if f]
            for matcher in MATCHERS if found else ():
                row[f"{region}, {matcher}"] = rank_one(found, matcher)
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
