"""The ways that a clip can take through redact, beside `redact run`: relay, filter, element.

Each returns a file with every frame of the clip at its own time, so that what shows in it can be
measured as in an output of `redact run`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.footage import Labelled, retimed
from benchmarks.schema import BenchmarkError

CRF = 12  # finer than any default: coarse coding must not look like hiding
_CODED = ["-c:v", "libx264", "-preset", "superfast", "-crf", str(CRF), "-bf", "0"]
_RELAY = """
models = {models}
[output]
crf = {crf}
[status]
listen = ""
[cameras.clip]
url = {clip}
zone = {zone}
realtime = false
outputs = [{{ kind = "segments", folder = "relayed", seconds = 80000 }}]
"""
Route = Callable[[Labelled, Sequence[Path], Path], Path]


def relay(one: Labelled, models: Sequence[Path], folder: Path) -> Path:
    """The clip as a camera, no faster than it can be looked at."""
    from redact.relay import load_relay_config, run_relay

    config = folder / "relay.toml"
    words = {
        "models": [_model(m) for m in models],
        "clip": _path(one.clip),
        "zone": _path(one.zone),
    }
    told = {key: json.dumps(value) for key, value in words.items()}
    config.write_text(_RELAY.format(crf=CRF, **told))
    said: list[str] = []
    code = run_relay(
        load_relay_config(config), threading.Event(), lambda _camera, text: said.append(text)
    )
    made = list((folder / "relayed").glob("*.mp4"))
    if code or len(made) != 1:
        raise BenchmarkError(f"{one.name}: the relay failed: {'; '.join(said)}")
    return made[0].rename(folder / "relay.mp4")


def filter_(one: Labelled, models: Sequence[Path], folder: Path) -> Path:
    """`ffmpeg | redact filter | ffmpeg`."""
    out = folder / "filter.mp4"
    decode = [*_FFMPEG, "-i", str(one.clip), "-an", "-fps_mode", "passthrough"]
    chosen = [word for model in models for word in ("--model", _model(model))]
    hide = [sys.executable, "-m", "redact", "filter", "--zone", str(one.zone)]
    told = matrix(one.clip)
    hide += [*(["--matrix", told] if told else []), *(chosen or ["--model", "none"])]
    encode = [*_FFMPEG, "-i", "-", "-fps_mode", "passthrough", *_CODED, str(out)]
    _piped([[*decode, "-f", "nut", "-c:v", "rawvideo", "-"], hide, encode])
    return retimed(out, one.clip)


def element(one: Labelled, models: Sequence[Path], folder: Path) -> Path:
    """`gst-launch-1.0 ... ! redact ! ...`."""
    from redact.gstreamer import install

    install(folder / "plugins")
    out = folder / "element.mp4"
    environment = os.environ | {
        "PATH": os.defpath,  # GStreamer's Python is the distribution's
        "GST_PLUGIN_PATH": str(folder / "plugins"),
        "GST_REGISTRY": str(folder / "registry.bin"),
    }
    chosen = ",".join(map(_model, models)) or "none"
    hide = f"redact zone={one.zone.absolute()} model={chosen}"
    parts = [f"filesrc location={one.clip.absolute()}", "decodebin", "videoconvert", hide]
    # Through another format and back, without loss: y4menc would write padding along.
    parts += ["videoconvert", "video/x-raw,format=YV12", "videoconvert"]
    parts += ["video/x-raw,format=I420", "y4menc", "fdsink"]
    launch = ["gst-launch-1.0", "-q", *" ! ".join(parts).split(" ")]
    encode = [*_FFMPEG, "-f", "yuv4mpegpipe", "-i", "-", *_CODED, str(out)]
    _piped([launch, encode], environment)
    return retimed(out, one.clip)


ROUTES: dict[str, Route] = {"relay": relay, "filter": filter_, "element": element}
_FFMPEG = ["ffmpeg", "-v", "error", "-nostdin", "-y"]


def matrix(clip: Path) -> str | None:
    """What the clip says of its colours, as `redact filter --matrix` calls it; None = nothing."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"]
    command += ["-show_entries", "stream=color_space", str(clip)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    named = {"bt709": "bt709", "smpte170m": "bt601", "bt470bg": "bt601", "bt2020nc": "bt2020"}
    return named.get(done.stdout.strip())


def _piped(commands: Sequence[Sequence[str]], environment: dict[str, str] | None = None) -> None:
    """One program into the next. Raises BenchmarkError with what the failing one said last."""
    running: list[subprocess.Popen[bytes]] = []
    for command in commands:
        before = running[-1].stdout if running else subprocess.DEVNULL
        last = command is commands[-1]
        running.append(
            subprocess.Popen(
                command,
                stdin=before,
                stdout=subprocess.DEVNULL if last else subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        )
        if running[1:] and before is not None and not isinstance(before, int):
            before.close()
    said = [child.communicate()[1].decode(errors="replace").strip() for child in running[::-1]]
    failed = [
        f"{Path(command[0]).name}: {(words.splitlines() or ['it said nothing'])[-1]}"
        for command, child, words in zip(commands, running, said[::-1], strict=True)
        if child.returncode
    ]
    if failed:  # the last one is the cause where a reader went away
        raise BenchmarkError(f"failed: {'; '.join(failed[::-1])}")


def _model(path: Path) -> str:
    return str(path) if str(path) == "embedded" else str(path.absolute())


def _path(path: Path) -> str:
    return str(path.absolute())
