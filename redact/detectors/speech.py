"""SpeechListener: silero-vad says how likely it is that somebody speaks.

Its ONNX file is neither bundled nor downloaded: it is found in the package `silero-vad`, which is
not imported (it would want PyTorch), or where the configuration says, and pinned by its sha256.
Source: https://github.com/snakers4/silero-vad (MIT).

Each channel is listened to on its own, because mixed they may cancel each other, and twice: as it
is, and levelled to the loudest of the last second, because the network, trained on clear speech,
takes quiet speech for nothing.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from fractions import Fraction
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from redact.detectors.description import ModelFiles, read_files
from redact.detectors.runtime import PlainNetwork
from redact.errors import MissingDependencyError, ModelError
from redact.sound import Samples, SoundInfo

FILE = "silero_vad_op18_ifless.onnx"  # the one of its package that OpenVINO reads at any batch
KNOWN = {"7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28": "silero-vad 6.2"}
HOW = "run `pip install --no-deps silero-vad==6.2.3`"
_RATE, _WINDOW, _CONTEXT = 16000, 512, 64  # samples
_LEVEL, _GAIN, _MEMORY = 0.3, 100.0, 31  # peak aimed at, most that is amplified, windows looked at


def speech_model(path: str = "") -> Path:
    """Where the model lies: the path itself, or in the package. Raises MissingDependencyError."""
    if path:
        return Path(path)
    spec = importlib.util.find_spec("silero_vad")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (found := Path(folder) / "data" / FILE).is_file():
            return found
    raise MissingDependencyError(
        f'audio = "mute-speech" needs {FILE} of silero-vad, which is not installed here; {HOW}, or '
        "name the file in output.speech_model"
    )


def read_speech_model(path: str = "") -> ModelFiles:
    """Its bytes, if they are known. Raises MissingDependencyError, ModelError."""
    where = speech_model(path)
    files = read_files(where)
    if files.sha256 not in KNOWN:
        raise ModelError(
            f"{where}: sha256 is {files.sha256[:12]}..., that of no speech model known here: it is "
            f"damaged or another one; take {FILE} of {', '.join(KNOWN.values())}"
        )
    return files


_lock = Lock()
_networks: dict[str, PlainNetwork] = {}


class SpeechModel:
    """The network, compiled once for the process; `listener` makes one for a stream.

    Raises MissingDependencyError, ModelError.
    """

    def __init__(self, path: str = "") -> None:
        files = read_speech_model(path)
        self.name = KNOWN[files.sha256]
        with _lock:
            if files.sha256 not in _networks:
                _networks[files.sha256] = PlainNetwork(files, self.name)
            self._network = _networks[files.sha256]

    def listener(self, info: SoundInfo) -> SpeechListener:
        return SpeechListener(self._network, info)


class SpeechListener:
    """A `redact.sound.Listener` of one stream of `info`: the likeliest of all its channels."""

    window = Fraction(_WINDOW, _RATE)

    def __init__(self, network: PlainNetwork, info: SoundInfo) -> None:
        self._network = network
        self._info = info
        self._rows = 2 * info.channels
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._resampler = AudioResampler("fltp", self._info.layout, _RATE)
        self._waiting = np.zeros((self._info.channels, 0), np.float32)
        self._state = np.zeros((2, self._rows, 128), np.float32)
        self._context = np.zeros((self._rows, _CONTEXT), np.float32)
        self._peaks: deque[npt.NDArray[np.float32]] = deque(maxlen=_MEMORY)

    def push(self, samples: Samples) -> list[float]:
        """samples: (channels, n) at the rate of the stream. Raises ModelError."""
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self._info.layout)
        frame.sample_rate = self._info.rate
        return self._take(frame)

    def flush(self) -> list[float]:
        """What is left, filled up with silence."""
        answers = self._take(None)
        left = self._waiting.shape[1]
        if not left:
            return answers
        padded = np.pad(self._waiting, ((0, 0), (0, _WINDOW - left)))
        self._waiting = padded[:, :0]
        return [*answers, self._judge(padded)]

    def _take(self, frame: AudioFrame | None) -> list[float]:
        made = [part.to_ndarray() for part in self._resampler.resample(frame)]
        waiting = np.concatenate([self._waiting, *made], axis=1)
        full = waiting.shape[1] // _WINDOW * _WINDOW
        self._waiting = waiting[:, full:]
        return [self._judge(waiting[:, i : i + _WINDOW]) for i in range(0, full, _WINDOW)]

    def _judge(self, window: Samples) -> float:
        self._peaks.append(np.abs(window).max(axis=1))
        peak = np.maximum(np.max(self._peaks, axis=0), 1e-9)
        gain = np.minimum(_LEVEL / peak, _GAIN).astype(np.float32)
        rows = np.concatenate([window, window * gain[:, None]])
        heard = np.concatenate([self._context, rows], axis=1)
        feeds = {"input": heard, "state": self._state, "sr": np.array(_RATE, np.int64)}
        answer, state = self._network.run(feeds)
        if answer.shape != (self._rows, 1) or state.shape != self._state.shape:
            raise ModelError(f"{self._network.title}: answers {answer.shape} for {self._rows} rows")
        if not (np.isfinite(answer).all() and np.isfinite(state).all()):
            raise ModelError(f"{self._network.title}: answers what is no number")
        self._state, self._context = state, heard[:, -_CONTEXT:]
        return float(answer.max())
