"""How fast is a whole run, beside other programs on the same clip, and what does it leak?

Whole programs, start to finished file, side by side in the same rounds. `relative` is the speed as
a multiple of FFmpeg's plain transcode with the same encoder settings (superfast, crf 23) in the
same round. Slow peers get the first frames of the busy clip, once. Every row carries the leak rate
of the same program, with the same settings, on labelled clips: a speed counts only with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import clips, peers
from benchmarks.footage import Labelled, folders, labelled, leak_of, retimed, together
from benchmarks.harness import Spent, interleaved, ratios
from benchmarks.peers import Peer
from benchmarks.provenance import card, command, ffmpeg_version, machine, today
from benchmarks.schema import BenchmarkError, Leak, Pipeline, Run, Spread

_BASE = "ffmpeg transcode"
_FOOTAGE = ("tud_campus", "driveway_small")  # labelled, and short enough for slow peers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        dest="models",
        metavar="FILE",
        help="one more run of ours with this model; may be repeated",
    )
    parser.add_argument("--peers-venv", type=Path, help="made by `python -m benchmarks peers`")
    parser.add_argument("--weights", type=Path, help="folder of the peers' YOLO11n")
    parser.add_argument("--footage", type=Path, help="folder of labelled clips")
    parser.add_argument(
        "--labelled",
        nargs="*",
        metavar="NAME",
        help=f"clips for the leak rate; default: those of {', '.join(_FOOTAGE)}",
    )
    parser.add_argument("--seconds", type=float, default=60, help="of the busy clip")
    parser.add_argument("--quiet-seconds", type=float, default=300, help="of the quiet clip")
    parser.add_argument(
        "--work", type=Path, help="keep the clips here; default: a folder that goes"
    )
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these programs alone")


def ours(models: Sequence[str], device: str, zone: Path) -> Peer:
    """`redact run` as a program, at its defaults."""
    words = [word for model in models for word in ("--model", model)]
    words += ["--device", device] if device != "cpu" else []
    named = " ".join(["redact run", *(f"--model {Path(m).name}" for m in models)])

    def line(clip: Path, output: Path) -> list[str]:
        start = [sys.executable, "-m", "redact", "run", str(clip), "--zone", str(zone), "--quiet"]
        return [*start, *words, "-o", str(output)]

    return Peer(named, line, "people beyond the property")


def sets(given: argparse.Namespace) -> list[list[str]]:
    """The models of each run of ours."""
    return [*([] if given.quick else [[]]), ["none"], *([model] for model in given.models)]


def programs(given: argparse.Namespace, zone: Path) -> tuple[list[Peer], dict[str, str]]:
    """Ours and the peers, those that are to run; and who is absent, why."""
    found = peers.find(given.peers_venv, given.weights, given.device)
    here = [*found.here, *(ours(models, given.device, zone) for models in sets(given))]
    if given.only:
        known = {peer.name for peer in here} | set(found.absent)
        if unknown := set(given.only) - known:
            raise BenchmarkError(f"no program {', '.join(unknown)}; there are {', '.join(known)}")
        here = [p for p in here if p.name in (*given.only, _BASE)]
    return here, found.absent


@dataclass
class _Bench:
    """Runs programs, each into a folder of its own that holds one output at a time."""

    folder: Path

    def spend(self, peer: Peer, clip: Path) -> Spent:
        return peers.run(peer, clip, self.output(peer), self.folder)

    def output(self, peer: Peer) -> Path:
        """Where it may write; what it wrote before goes, so that nothing is skipped as done."""
        path = self.folder / peer.name.replace("/", "-") / "out.mp4"
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.iterdir():
            old.unlink()
        return path

    def leak(self, peer: Peer, one: Labelled, foreign: bool) -> Leak:
        path = self.output(peer)
        peers.run(peer, one.clip, path, self.folder)
        return leak_of(one, retimed(path, one.clip) if foreign else path)


def row(
    name: str, clip: str, frames: int, peer: Peer, spent: list[Spent], base: list[float], leak: Leak
) -> Run:
    """base: frames per second of the transcode, round by round."""
    speeds = [frames / s.seconds for s in spent]
    return Run(
        clip=clip,
        name=name,
        frames=frames,
        startup=not peer.within,
        seconds=Spread.of([s.seconds for s in spent]),
        fps=Spread.of(speeds),
        cpu_ms=Spread.of([1e3 * s.cpu / frames for s in spent]),
        relative=ratios(speeds, base),
        peak_mib=round(max(s.peak for s in spent), 1),
        leak=leak,
    )


def on_clip(
    bench: _Bench,
    clip: Path,
    kind: str,
    here: Sequence[Peer],
    leaks: dict[str, Leak],
    rounds: int | None,
) -> list[Run]:
    """Rows of one clip: fast ones in interleaved rounds, slow ones once, on the busy clip.
    rounds: None tries each once."""
    fast = {peer.name: peer for peer in here if peer.most is None}
    asks = {name: (lambda _, p=peer: bench.spend(p, clip)) for name, peer in fast.items()}
    spent = interleaved(asks, rounds or 1, warmup=rounds is not None)
    frames = clips.frame_count(clip)
    base = [frames / s.seconds for s in spent[_BASE]]
    rows = [row(n, kind, frames, fast[n], spent[n], base, leaks[n]) for n in fast]
    for peer in here if kind == "busy" else ():
        if peer.most is not None:
            part = clips.cut(clip, peer.most)
            count = clips.frame_count(part)
            once = [bench.spend(peer, part)]
            rows.append(row(peer.name, kind, count, peer, once, base, leaks[peer.name]))
    return rows


def leaks_of(
    bench: _Bench, here: Sequence[Peer], footage: Sequence[Labelled], given: argparse.Namespace
) -> dict[str, Leak]:
    """Name -> leak over all of the footage. Ours run with each clip's own property."""
    found = {}
    mine = {ours(m, given.device, clips.ZONE).name: m for m in sets(given)}
    device = given.device
    for peer in here:
        parts = []
        for one in footage:
            foreign = peer.name not in mine
            program = peer if foreign else ours(mine[peer.name], device, one.zone)
            parts.append(bench.leak(program, one, foreign))
        found[peer.name] = together(parts)
        print(f"leak: {peer.name}: {100 * found[peer.name].rate:.1f} %", file=sys.stderr)
    return found


def measure(given: argparse.Namespace, folder: Path) -> Pipeline:
    work = given.work or folder / "clips"
    here, absent = programs(given, clips.ZONE)
    if _BASE in absent:
        raise BenchmarkError(f"{_BASE}: {absent[_BASE]}; everything is measured beside it")
    seconds = (0.5, 0.5) if given.quick else (given.seconds, given.quiet_seconds)
    made = {"busy": clips.busy(work, seconds[0]), "quiet": clips.quiet(work, seconds[1])}
    bench = _Bench(folder)
    leaks = leaks_of(bench, here, _footage(given), given)
    rows = []
    for kind, clip in made.items():
        rows += on_clip(bench, clip, kind, here, leaks, None if given.quick else given.rounds or 3)
    versions = peers.versions(given.peers_venv) | {"ffmpeg": ffmpeg_version() or "absent"}
    return Pipeline(
        date=today(),
        command=command(),
        quick=given.quick,
        machine=machine(device=card(given.device), **versions),
        absent=absent,
        notes=[f"{p.name} hides {p.hides}" for p in here],
        clips={path.name: clips.digest(path) for path in made.values()},
        rows=rows,
    )


def _footage(given: argparse.Namespace) -> list[Labelled]:
    where = folders(given.footage)
    if given.labelled:
        return labelled(where, given.labelled)
    have = {one.name: one for one in labelled(where)}
    names = ("driveway_small",) if given.quick else _FOOTAGE
    return [have[name] for name in names if name in have]


def run(given: argparse.Namespace) -> Pipeline:
    with tempfile.TemporaryDirectory(prefix="redact-pipeline-") as folder:
        return measure(given, Path(folder))
