"""What a figure depends on: machine, versions, load, command, date; no host name, no path."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.schema import Machine

SAMPLES = Path(__file__).parents[1] / "samples"
PACKAGES = ("redact", "av", "openvino", "opencv-python-headless", "numpy")
_LOAD = os.getloadavg()[0]  # at the start, before anything of this adds to it


def machine(*packages: str, device: str = "cpu", **versions: str) -> Machine:
    """packages: whose versions count, beside those that every run needs; absent ones are left
    out. versions: of what is no package."""
    found = {}
    for name in (*PACKAGES, *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        system=platform.system(),
        python=platform.python_version(),
        load=round(_LOAD, 2),
        versions=found | versions,
        device=device,
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def card(device: str) -> str:
    """The name of what `--device` means."""
    if not device.startswith("cuda"):
        return device
    import torch

    return f"{device}: {torch.cuda.get_device_name(device)}"


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def command() -> str:
    """The command line that is running; folders are cut off, they say nothing to others."""
    words = ("".join((*word.rpartition("=")[:2], _name(word))) for word in sys.argv[1:])
    return " ".join(["python -m benchmarks", *words])


def _name(word: str) -> str:
    """The last part of each path of a word, such as `one.onnx+other.onnx`."""
    paths = word.rpartition("=")[2].split("+")
    return "+".join(Path(p).name or p if os.sep in p else p for p in paths)


def ffmpeg_version() -> str | None:
    """Of the system's program; None where there is none."""
    path = shutil.which("ffmpeg")
    if path is None:
        return None
    done = subprocess.run([path, "-version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[2]


def save(path: Path, result: dict[str, Any]) -> None:
    """A result outside the suite's schema, of a program of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
