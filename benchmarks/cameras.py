"""How many cameras does this machine hold in real time, how late is a frame, does memory grow?

    python -m benchmarks.cameras [--counts 1 2 4] [--seconds 60] [--size 1280x720] [--fps 10]
        [--model FILE] [--rtsp] [--json out.json]
    python -m benchmarks.cameras --counts 2 --seconds 7200 --rtsp      # a soak

Each count is one `redact relay` with that many cameras, which all play the same rendered clip over
and over at their own pace, and write rolling segments into a folder that is deleted afterwards. A
count is held where no more than 1 % of the frames were dropped. Frames are decoded from files: what
the network of a camera adds is not in the latency; with `--rtsp` they come from an RTSP server on
this machine, whose processor time is not counted. Memory and processor time are those of the relay
and all its children; memory that they share counts once (PSS).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from benchmarks.provenance import machine, save, today
from benchmarks.schema import RESULTS

SAMPLES = Path(__file__).parents[1] / "samples"
PROGRAMS = Path(__file__).with_name("programs")
HELD = 0.01  # share of frames that may be dropped
TICK = 5.0  # seconds between looks
CAMERA = """
[cameras.c{index}]
url = "{url}"
zone = "zone.json"
outputs = [{{ kind = "segments", folder = "out{index}", seconds = 10, keep_gb = 0.02 }}]
"""


def make_clip(path: Path, size: str, fps: int, seconds: float) -> None:
    """The sample, scaled once, then repeated without being coded again."""
    once = path.with_name("once.mp4")
    quiet = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    scale = ["-vf", f"scale={size.replace('x', ':')},fps={fps}"]
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "2M", "-g", str(2 * fps), "-bf", "0"]
    source = ["-i", str(SAMPLES / "driveway.mp4"), "-an"]
    subprocess.run([*quiet, *source, *scale, *coded, str(once)], check=True)
    again = ["-stream_loop", "-1", "-i", str(once), "-t", str(seconds + 600), "-c", "copy"]
    subprocess.run([*quiet, *again, str(path)], check=True)
    once.unlink()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def health(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))
    except OSError:
        return {}


def family(pid: int) -> list[int]:
    """The process and all that came of it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, task.read_text().split())
    return found


def memory(pid: int) -> float:
    """MB in memory: proportional set size."""
    total = 0
    for each in family(pid):
        with suppress(OSError):
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
            total += int(rollup.split("\nPss:")[1].split()[0])
    return total / 1024


def processor(pid: int) -> float:
    """Seconds of processor time so far, those of ended children included."""
    ticks = 0
    for each in family(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def rtsp_camera(clip: Path) -> Iterator[str]:
    """The address of a server that plays the clip once, at its own pace, to whoever asks."""
    port = free_port()
    server = subprocess.Popen(
        ["/usr/bin/python3", str(PROGRAMS / "rtsp_camera.py"), str(port), str(clip)],
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        if server.stdout.readline() != b"ready\n":
            sys.exit("error: no RTSP server: apt install gir1.2-gst-rtsp-server-1.0 python3-gi")
        yield f"rtsp://127.0.0.1:{port}/camera"
    finally:
        server.terminate()
        server.wait()


def relay(folder: Path, url: str, count: int, seconds: float, model: str) -> dict[str, Any]:
    """One relay with so many cameras, watched for so long once all of them run."""
    port = free_port()
    head = f'models = ["{model}"]\n' if model else "models = []\n"
    status = f'[status]\nlisten = "127.0.0.1:{port}"\n'
    cameras = "".join(CAMERA.format(index=index, url=url) for index in range(count))
    (folder / "relay.toml").write_text(head + status + cameras)
    process = subprocess.Popen(
        [sys.executable, "-m", "redact", "relay", str(folder / "relay.toml")],
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (told := health(port)) or not all(c.get("frames_out") for c in told.values()):
            if process.poll() is not None:
                sys.exit("error: the relay ended; run `redact relay` by hand to see why")
            time.sleep(0.5)
        return watch(process.pid, port, seconds)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def watch(pid: int, port: int, seconds: float) -> dict[str, Any]:
    first, began, spent = health(port), time.monotonic(), processor(pid)
    rss: list[tuple[float, float]] = []
    p50: list[float] = []
    p99: list[float] = []
    told = first
    while (now := time.monotonic() - began) < seconds:
        time.sleep(min(TICK, seconds - now))
        told = health(port) or told
        rss.append((time.monotonic() - began, memory(pid)))
        p50 += [c["latency_p50"] for c in told.values() if c["latency_p50"] is not None]
        p99 += [c["latency_p99"] for c in told.values() if c["latency_p99"] is not None]
    took = time.monotonic() - began

    def grown(*keys: str) -> int:
        return sum(t.get(k, 0) - first[c].get(k, 0) for c, t in told.items() for k in keys)

    came = grown("frames_in")
    lost = grown("frames_dropped", "frames_overflowed")
    later = rss[len(rss) // 4 :]  # the first quarter warms caches and pools
    slope = statistics.linear_regression(*zip(*later, strict=True)).slope if len(later) > 2 else 0
    return {
        "cameras": len(told),
        "held": bool(came) and lost <= HELD * came,
        "frames": came,
        "dropped_percent": round(100 * lost / max(1, came), 2),
        "latency_p50_s": round(statistics.median(p50), 3) if p50 else None,
        "latency_p99_s": round(max(p99), 3) if p99 else None,
        "cores_used": round((processor(pid) - spent) / took, 2),
        "rss_mb": round(rss[-1][1]),
        "rss_mb_per_hour": round(3600 * slope, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", default="1280x720", metavar="WxH")
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--model", default="embedded", help="none: motion alone")
    parser.add_argument("--rtsp", action="store_true", help="cameras are RTSP, not files")
    parser.add_argument("--json", type=Path, help="default: benchmarks/results/cameras-DATE.json")
    arguments = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory(prefix="redact-cameras-") as made:
        folder = Path(made)
        make_clip(folder / "clip.mp4", arguments.size, arguments.fps, arguments.seconds)
        (folder / "zone.json").write_bytes((SAMPLES / "driveway.zone.json").read_bytes())
        model = "" if arguments.model == "none" else arguments.model
        for count in arguments.counts:
            server = rtsp_camera(folder / "clip.mp4") if arguments.rtsp else nullcontext("clip.mp4")
            with server as url:
                row = relay(folder, url, count, arguments.seconds, model)
            rows.append(row)
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    result = {
        "question": "cameras that one machine holds in real time",
        "date": today(),
        "size": arguments.size,
        "fps": arguments.fps,
        "seconds": arguments.seconds,
        "model": arguments.model,
        "source": "rtsp" if arguments.rtsp else "file",
        "machine": machine("av", "openvino", "numpy"),
        "rows": rows,
    }
    save(arguments.json or RESULTS / f"cameras-{today()}.json", result)


if __name__ == "__main__":
    main()
