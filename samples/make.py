"""Makes the samples: `python samples/make.py [FOLDER]` renders the scene by day and by night and
writes clips, truth, masks and properties. Everything is made up; nobody real is shown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parent))

import labels
import place
from camera import HEIGHT, RATE, SECONDS, WIDTH, project
from cast import ACTORS
from develop import Darkroom, Film, Layer
from render import Car, Studio

FRAMES = RATE * SECONDS
CRF = {"driveway": 24, "driveway_small": 23, "driveway_night": 27}
LOT = np.array([(place.HEDGE, 0.0), (place.WALL, place.EDGE)])  # corners of the property, metres


def property_outline() -> npt.NDArray[np.float64]:
    """Corners of the property in pixels; its near part reaches beyond the frame's lower edge."""
    (left, _), (right, edge) = LOT
    corners = [(0.0, float(HEIGHT))]
    y = np.linspace(1.5, edge, 4000)
    for x, side in ((left, 0), (right, WIDTH)):
        across, down, _ = project(np.stack([np.full_like(y, x), y, 0 * y], axis=1))
        cut = int(np.argmin(np.abs(across - side)))
        ends = [(float(side), float(down[cut])), (float(across[-1]), float(down[-1]))]
        corners += ends if side == 0 else ends[::-1]
    return np.array([*corners, (float(WIDTH), float(HEIGHT))])


def render(studio: Studio, frames: range, work: Path, samples: tuple[int, int]) -> None:
    """Layers of every frame into `work`; what is there is not rendered again."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "place.npz").exists():
        light = studio.empty(samples[0], work / "empty.exr")
        np.savez(work / "place.npz", light=light, **studio.survey())
    for frame in frames:
        path = work / f"{frame:04d}.npz"
        if path.exists():
            continue
        movers = studio.movers(frame)
        layers = studio.moving(movers, samples[1], work / "layer.exr")
        stored = {f"light{i}": light.astype(np.float16) for i, (_, light) in enumerate(layers)}
        dark = np.packbits(studio.shadows(movers))
        np.savez(path, areas=np.array([a for a, _ in layers]).reshape(-1, 4), dark=dark, **stored)


def layers_of(path: Path) -> tuple[list[Layer], npt.NDArray[np.uint8]]:
    """What moves in a frame, and its shadow on the ground."""
    with np.load(path) as stored:
        areas = [tuple(map(int, a)) for a in stored["areas"]]
        layers = [(a, stored[f"light{i}"].astype(np.float32)) for i, a in enumerate(areas)]
        return layers, np.unpackbits(stored["dark"]).reshape(HEIGHT, WIDTH)  # type: ignore[return-value]


def develop(names: tuple[str, ...], frames: range, work: Path, folder: Path, night: bool) -> None:
    with np.load(work / "place.npz") as stored:
        room = Darkroom(**stored, night=night)
    films = [
        Film(folder / f"{n}.mp4", *((640, 360) if "small" in n else (WIDTH, HEIGHT)), CRF[n])
        for n in names
    ]
    for frame in frames:
        lamps = Car.x(frame / RATE)
        layers, dark = layers_of(work / f"{frame:04d}.npz")
        picture = room.picture(frame, layers, dark, lamps if -19 < lamps < 16.5 else None)
        for film in films:
            film.add(picture)
    for film in films:
        film.close()


def truth(
    studio: Studio, frames: range, far: npt.NDArray[np.float64]
) -> tuple[list[labels.Row], list[labels.Labels]]:
    rows, pictures = [], []
    for frame in frames:
        splats = [labels.splat(m.track, m.points, m.faces, frame) for m in studio.movers(frame)]
        label = labels.owners(splats, far)
        feet = {a.track: tuple(map(float, a.smooth(frame / RATE))) for a in ACTORS}
        rows += labels.rows(frame, splats, label, feet, LOT)  # type: ignore[arg-type]
        pictures.append(label)
    return rows, pictures


def main() -> None:
    args = _arguments()
    args.folder.mkdir(parents=True, exist_ok=True)
    outline = property_outline()
    for night in (False, True):
        if args.only and args.only != ("night" if night else "day"):
            continue
        names = ("driveway_night",) if night else ("driveway", "driveway_small")
        work = args.work / ("night" if night else "day")
        studio = Studio(night, args.threads)
        render(studio, args.frames, work, (args.still, args.samples))
        develop(names, args.frames, work, args.folder, night)
        with np.load(work / "place.npz") as stored:
            rows, pictures = truth(studio, args.frames, stored["far"])
        for name in names:
            labels.write_table(
                args.folder / f"{name}.gt.csv", rows, 0.5 if "small" in name else 1.0
            )
            labels.write_zone(args.folder / f"{name}.zone.json", outline)
        labels.write_masks(args.folder / "driveway.masks.npz", pictures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", choices=("day", "night"))
    parser.add_argument("--work", type=Path, help="keeps rendered layers here, to go on from")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=6, help="rays for each pixel that changes")
    parser.add_argument(
        "--still", type=int, default=24, help="rays for each pixel of the empty place"
    )
    parser.add_argument("--frames", type=_frames, default=range(FRAMES), metavar="FIRST:END[:STEP]")
    args = parser.parse_args()
    args.work = args.work or Path(tempfile.mkdtemp())
    return args


def _frames(text: str) -> range:
    return range(*(int(word) for word in text.split(":")))


if __name__ == "__main__":
    main()
