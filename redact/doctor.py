"""What is installed here, and whether it works: each part is tried, not only looked up.

Nothing is sent anywhere. Large optional packages are looked up, not imported.
"""

from __future__ import annotations

import enum
import io
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import redact
from redact.config import EMBEDDED
from redact.errors import MissingDependencyError, RedactError
from redact.protocols import Detector
from redact.structures import Frame

# FFmpeg's own `av1` decodes on some graphics cards alone: libdav1d is what reads AV1 here.
_DECODERS = ("h264", "hevc", "libdav1d", "vp9", "mjpeg", "mpeg4", "mpeg2video")
_AUDIO_DECODERS = ("aac", "pcm_alaw", "pcm_mulaw")
_ENCODERS = {
    "libx264": "needed to write anything",
    "libx265": "only --codec h265 needs it",
    "aac": "only sound that is asked for needs it",
}
_NEEDED = ("numpy", "msgspec", "click", "rich", "pyyaml")
_OPTIONAL = {
    "ultralytics": "only .pt models need it: pip install torch ultralytics",
    "torch": "only .pt models need it: pip install torch ultralytics",
    "onnxruntime": "not needed; OpenVINO runs .onnx files as well",
}


class State(enum.StrEnum):
    OK = "ok"
    ABSENT = "absent"  # nothing that is needed
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Check:
    """said: a version, a licence, or what is wrong. advice: what to do about it."""

    group: str
    name: str
    state: State
    said: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """1 where anything that is needed, or a model that was named, does not work."""
        return int(any(check.state is State.BROKEN for check in self.checks))

    def to_dict(self) -> dict[str, Any]:
        groups: dict[str, list[dict[str, str]]] = {}
        for c in self.checks:
            plain = {"name": c.name, "state": c.state.value, "said": c.said}
            groups.setdefault(c.group, []).append(
                plain | ({"advice": c.advice} if c.advice else {})
            )
        return {"schema": 1, "working": self.exit_code == 0, "checks": groups}


def examine(models: Sequence[Path] = ()) -> Examination:
    """Try every part, load the embedded and each other model. Never raises for what it finds."""
    checks = [*_versions(), *_media(), _locks(), *_inference(), _speech()]
    for model in (EMBEDDED, *models):
        checks += _model(model)
    return Examination(tuple(checks))


def _versions() -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{platform.system()} {platform.machine()}, {cores} processors"
    yield Check("versions", "redact", State.OK, redact.__version__)
    yield Check("versions", "python", State.OK, f"{platform.python_version()}, {machine}")
    for name in _NEEDED:
        yield _installed(name, f"pip install {name}", State.BROKEN)
    for name, advice in _OPTIONAL.items():
        yield _installed(name, advice, State.ABSENT)


def _installed(name: str, advice: str, otherwise: State) -> Check:
    try:
        return Check("versions", name, State.OK, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check("versions", name, otherwise, "not installed", advice)


def _attempt(group: str, name: str, advice: str, trial: Callable[[], str]) -> Check:
    """What `trial` says, or why it failed."""
    try:
        return Check(group, name, State.OK, trial())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is to be told
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return Check(group, name, State.BROKEN, said, advice)


def _locks() -> Check:
    """What would hold a process that decodes files; tried in one, as it cannot be undone."""
    code = (
        "from pathlib import Path; from redact.sources.sandbox import locks\n"
        "locks.limit(1 << 32); print(*locks.confine(Path('/')), sep=', ')"
    )
    command = [sys.executable, "-P", "-c", code]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    def trial() -> str:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    check = _attempt("media", "sandbox", "run with --no-sandbox", trial)
    if check.state is State.OK and "seccomp" not in check.said:
        advice = "seccomp locks it further: pip install pyseccomp"
        return Check("media", "sandbox", State.ABSENT, check.said, advice)
    return check


def _media() -> Iterator[Check]:
    yield _attempt("media", "PyAV", "pip install --force-reinstall av", _av_versions)
    yield _attempt(
        "media", "OpenCV", "pip install --force-reinstall opencv-python-headless", _opencv_works
    )
    try:
        from av.codec import Codec
    except ImportError:
        return  # said above
    for name in _DECODERS:
        yield _codec(Codec, name, "r", State.ABSENT, "files of this kind cannot be read")
    for name in _AUDIO_DECODERS:
        yield _codec(Codec, name, "r", State.ABSENT, "such sound cannot be kept or muted")
    yield _deinterlacer()
    for name, advice in _ENCODERS.items():
        state = State.BROKEN if name == "libx264" else State.ABSENT
        yield _codec(Codec, name, "w", state, f"{advice}; use PyAV's own wheel: pip install av")
    yield _attempt("media", "round trip", "pip install --force-reinstall av", _round_trip)


def _codec(codec: Any, name: str, mode: str, otherwise: State, advice: str) -> Check:
    title = f"{'reads' if mode == 'r' else 'writes'} {name}"
    try:
        return Check("media", title, State.OK, str(codec(name, mode).long_name))
    except ValueError:  # as av.codec.codec.UnknownCodecError
        return Check("media", title, otherwise, "not in this PyAV", advice)


def _deinterlacer() -> Check:
    from av.filter import filters_available

    if "bwdif" in filters_available:
        return Check("media", "filter bwdif", State.OK, "deinterlaces")
    advice = "interlaced files cannot be read; use PyAV's own wheel: pip install av"
    return Check("media", "filter bwdif", State.ABSENT, "not in this PyAV", advice)


def _av_versions() -> str:
    import av

    libraries = (f"{k} {'.'.join(map(str, v))}" for k, v in av.library_versions.items())
    return f"{av.__version__} ({', '.join(libraries)})"


def _opencv_works() -> str:
    import cv2
    import numpy as np

    small = cv2.resize(np.full((8, 8), 7, np.uint8), (4, 4))
    if small.shape != (4, 4) or not (small == 7).all():
        raise RuntimeError("a picture of one grey is not so after resizing")
    return str(cv2.__version__)


def _round_trip() -> str:
    """Encode and decode a few grey pictures in memory."""
    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=25, width=64, height=64)
        for index in range(3):
            grey = np.full((96, 64), 128, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as made:
        frames = len(list(made.decode(video=0)))
    if frames != 3:
        raise RuntimeError(f"3 frames were written, {frames} can be read")
    return "3 H.264 frames written and read"


def _inference() -> Iterator[Check]:
    advice = "pip install --force-reinstall openvino"
    yield _attempt("inference", "OpenVINO", advice, _openvino_version)
    yield _attempt("inference", "devices", advice, _devices)


def _openvino_version() -> str:
    from redact.detectors.runtime import version

    return version()


def _devices() -> str:
    from redact.detectors.runtime import devices

    names = devices()
    if not names:
        raise RuntimeError("OpenVINO finds no device to run on")
    return "; ".join(f"{device} ({' '.join(name.split())})" for device, name in names.items())


def _speech() -> Check:
    """Whether `--audio mute-speech` would work: the model is there, known, and hears a second."""
    import numpy as np

    from redact.detectors.speech import HOW, SpeechModel, speech_model
    from redact.sound import SoundInfo

    def trial() -> str:
        began = time.perf_counter()
        model = SpeechModel()
        listener = model.listener(SoundInfo(16000, "mono", 1))
        if len(listener.push(np.zeros((1, 16000), np.float32))) != 31:
            raise RuntimeError("it does not answer for each window of a second")
        return f"{model.name}, loaded and heard a second in {time.perf_counter() - began:.1f} s"

    advice = f"only --audio mute-speech needs it; {HOW}"
    try:
        speech_model()
    except MissingDependencyError:
        return Check("inference", "speech", State.ABSENT, "silero-vad is not installed", advice)
    return _attempt("inference", "speech", advice, trial)


def _model(path: Path) -> Iterator[Check]:
    """Load it as a run would, and show it a picture; a model that fails is broken."""
    try:
        from redact.detectors import load_detector

        detector = load_detector([path])
        seconds = _glance(detector)
    except (RedactError, ImportError) as error:
        yield Check("models", str(path), State.BROKEN, str(error))
        return
    speed = f"{1000 * seconds:.0f} ms a picture"
    for info in detector.describe():
        verified = "verified" if info.verified else "as found, no digest to compare with"
        looks = " and ".join(info.labels)
        said = f"{info.family} for {looks}, {info.input}, {speed}; sha256 {info.sha256}, {verified}"
        yield Check("models", info.name, State.OK, said)
        yield _licence(info.name, info.licence)


def _glance(detector: Detector) -> float:
    """Seconds that a detector takes for a grey picture, the second time. Raises ModelError."""
    import numpy as np

    chroma = np.full((180, 320), 128, np.uint8)
    grey = Frame(np.full((360, 640), 128, np.uint8), chroma, chroma, 0, Fraction(1, 25))
    detector.detect([grey])
    began = time.perf_counter()
    detector.detect([grey])
    return time.perf_counter() - began


def _licence(name: str, licence: str) -> Check:
    from redact.detectors.description import UNVERIFIED

    if licence == UNVERIFIED:
        advice = "a bare file does not say; write its licence into a model description (.toml)"
        return Check("licences", name, State.ABSENT, "not stated", advice)
    return Check("licences", name, State.OK, licence)
