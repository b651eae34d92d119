"""How fast is a whole run, beside FFmpeg only transcoding the same clip?

    python -m benchmarks.transcode CLIP [--zone FILE] [--model FILE ...] [--rounds 3]

Both are whole programs, start to finished file: `redact run CLIP --zone FILE -o OUT`, and
`ffmpeg -i CLIP -an -c:v libx264 -preset superfast -crf 23 OUT`, the same encoder settings.
Rounds are interleaved so that a busy moment hits both; medians are compared. A clip that is
not 1920x1080 is scaled to it first, which is not part of the time. Needs a system ffmpeg.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, machine, save, today

SIZE = (1920, 1080)
SAMPLE_ZONE = Path(__file__).parents[1] / "samples" / "driveway.zone.json"
_ENCODE = ("-an", "-c:v", "libx264", "-preset", "superfast", "-crf", "23")
_FIT = (
    "scale=1920:1080:force_original_aspect_ratio=decrease:flags=bicubic,"
    "pad=1920:1080:(ow-iw)/2:(oh-ih)/2,setsar=1"
)


def need_ffmpeg() -> tuple[str, str]:
    """Path and version of the system's ffmpeg; leaves the program where there is none."""
    path = shutil.which("ffmpeg")
    if path is None:
        sys.exit("error: no ffmpeg on the PATH; install it (Debian, Ubuntu: apt install ffmpeg)")
    first = subprocess.run([path, "-version"], capture_output=True, text=True, check=True)
    return path, first.stdout.split()[2]


def run(command: list[str], what: str) -> float:
    """Seconds that a program takes; leaves with its last line where it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["(it said nothing)"]
        sys.exit(f"error: {what} failed with exit code {done.returncode}: {said[-1]}")
    return seconds


def size_of(clip: Path) -> tuple[int, int]:
    """Of the picture as displayed."""
    from redact.errors import RedactError
    from redact.sources import PyAVSource

    try:
        source = PyAVSource(clip)
    except RedactError as error:
        sys.exit(f"error: {error}")
    try:
        return source.info.width, source.info.height
    finally:
        source.close()


def as_1080p(clip: Path, folder: Path, ffmpeg: str) -> Path:
    """The clip itself, or a copy scaled into 1920x1080 at high quality."""
    if size_of(clip) == SIZE:
        return clip
    scaled = folder / "scaled.mp4"
    encode = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]
    command = [ffmpeg, "-v", "error", "-i", str(clip), "-vf", _FIT, *encode, str(scaled)]
    run(command, "scaling the clip")
    return scaled


def measure(
    commands: dict[str, list[str]], outputs: dict[str, Path], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each round by name, interleaved, after one round that warms the disk cache."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for round_ in range(-1, rounds):
        for name, command in commands.items():
            for old in outputs[name].parent.iterdir():
                old.unlink()
            took = run(command, name)
            if round_ >= 0:
                seconds[name].append(took)
    return seconds


def compare(
    clip: Path, zone: Path, models: list[Path], rounds: int, folder: Path
) -> dict[str, Any]:
    ffmpeg, version = need_ffmpeg()
    load = os.getloadavg()[0]  # before anything of this adds to it
    source = as_1080p(clip, folder, ffmpeg)
    outputs = {}
    for name in ("redact", "ffmpeg"):
        outputs[name] = folder / name / "out.mp4"
        outputs[name].parent.mkdir()
    named = [word for model in models for word in ("--model", str(model))]
    redact = [sys.executable, "-m", "redact", "run", str(source), "--zone", str(zone), "--quiet"]
    transcode = [ffmpeg, "-v", "error", "-i", str(source), "-fps_mode", "passthrough", *_ENCODE]
    commands = {
        "redact": [*redact, *named, "-o", str(outputs["redact"])],
        "ffmpeg": [*transcode, str(outputs["ffmpeg"])],
    }
    seconds = measure(commands, outputs, rounds)
    report = json.loads(Path(f"{outputs['redact']}.redact.json").read_text())
    frames = report["frames"]["all"]
    rows = {name: summary(values, frames) for name, values in seconds.items()}
    return {
        "question": "fps of a whole run at 1080p beside FFmpeg transcoding",
        "date": today(),
        "clip": clip.name,
        "scaled": source != clip,
        "models": [model.name for model in models],
        "frames": frames,
        "rounds": rounds,
        "machine": machine("av", "openvino", "opencv-python-headless", "numpy")
        | {"ffmpeg": version, "load_before": round(load, 1)},
        "redact": rows["redact"] | {"stages_s": report["seconds"]},
        "ffmpeg": rows["ffmpeg"],
        "times_as_long": round(rows["redact"]["median_s"] / rows["ffmpeg"]["median_s"], 2),
    }


def summary(seconds: list[float], frames: int) -> dict[str, Any]:
    middle = statistics.median(seconds)
    rounded = [round(value, 3) for value in seconds]
    return {"seconds": rounded, "median_s": round(middle, 3), "fps": round(frames / middle, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--zone", type=Path, default=SAMPLE_ZONE, help="default: the sample's")
    parser.add_argument("--model", type=Path, action="append", default=[], dest="models")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="default: benchmarks/results/transcode-DATE.json")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")

    with tempfile.TemporaryDirectory(prefix="redact-transcode-") as folder:
        result = compare(
            arguments.clip, arguments.zone, arguments.models, arguments.rounds, Path(folder)
        )
    for name in ("redact", "ffmpeg"):
        print(f"{name:8}{result[name]['median_s']:>8} s{result[name]['fps']:>8} frames/s")
    print(f"a run takes {result['times_as_long']} times as long as transcoding alone")
    if (load := result["machine"]["load_before"]) > 0.5:
        print(f"careful: the machine was busy with something else (load {load})")
    save(arguments.json or RESULTS / f"transcode-{today()}.json", result)


if __name__ == "__main__":
    main()
