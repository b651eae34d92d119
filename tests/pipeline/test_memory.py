"""A clip ten times as long takes no more memory, threads no heaps of their own."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")

_RUN = """
import resource, sys, redact
from redact.config import Config, MotionOptions
from redact.geometry import Zone
config = Config(zone=Zone.nothing(), models=(), motion=MotionOptions(warmup_alone=1.0))
redact.run(sys.argv[1], sys.argv[2], config)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(folder: Path, frames: int) -> int:
    """MiB at most of a run over this many frames of 960x540, 0.8 MB each: still, then busy."""
    clip = folder / f"{frames}.mp4"
    command = ["ffmpeg", "-nostdin", "-v", "error"]
    for picture in ("color=gray:", "testsrc2="):
        command += ["-f", "lavfi", "-i", f"{picture}s=960x540:r=15:d={frames / 30}"]
    command += ["-filter_complex", "concat=n=2"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", str(clip)]
    subprocess.run(command, check=True, timeout=120)
    command = [sys.executable, "-c", _RUN, str(clip), str(folder / f"out{frames}.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_clip(tmp_path: Path) -> None:
    short, long = peak(tmp_path, 60), peak(tmp_path, 600)
    assert long - short < 40, (short, long)  # 540 frames more are 420 MB of pictures


HEAPS = """
import ctypes, sys, threading
from redact.hardening import one_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
if "one" in sys.argv:
    one_heap()
taken = threading.Barrier(4)
for _ in range(3):
    threading.Thread(target=lambda: (libc.malloc(1000), taken.wait())).start()
taken.wait()
file = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, file)
libc.fflush(file)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc alone has heaps")
def test_threads_that_begin_later_share_one_heap() -> None:
    def heaps(*words: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", HEAPS, *words], capture_output=True, check=True, timeout=60
        )
        return done.stdout.count(b"<heap nr=")

    assert heaps() == 4
    assert heaps("one") == 1
