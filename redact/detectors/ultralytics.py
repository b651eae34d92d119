"""UltralyticsDetector: YOLO weights (.pt, .onnx) on PyTorch, through the extra `ultralytics`.

The package is AGPL-3.0 and talks to the network by default: it looks up hosts on import, sends
analytics from predictions, installs packages and downloads weights it does not find. Here it
is told to stay offline before it is imported, its settings live in a private folder that goes
away with the process, and weights are loaded without running code from the file.

Only its network is used. Decoding and suppression are this package's own, because
`YOLO.predict` drops NaN, keeps 300 boxes at most and stops suppressing when it takes long.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from redact.config import DetectorOptions
from redact.detectors.description import UNVERIFIED, ModelInfo
from redact.detectors.families import FAMILIES
from redact.detectors.families.base import Outputs, Signature, Size, Wanted
from redact.detectors.letterbox import Fit, Pictures, network_size
from redact.errors import ConfigError, MissingDependencyError, ModelError
from redact.structures import Detections, Frame, Label

_OFFLINE = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime would leave a device id in the home folder
}
_MULTIPLE = 32
_PROBE: Size = (128, 128)
_import_lock = threading.Lock()


def _offline_ultralytics() -> Any:
    """Import AutoBackend so that it can reach nothing. Returns (torch, AutoBackend)."""
    with _import_lock:
        imported = sys.modules.get("ultralytics")
        os.environ.update(_OFFLINE)
        if imported is not None:
            _check_offline(imported)
        else:
            folder = tempfile.mkdtemp(prefix="redact-ultralytics-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            os.environ["YOLO_CONFIG_DIR"] = folder
            sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import torch
            from ultralytics.nn.autobackend import AutoBackend
        except ImportError as error:
            raise MissingDependencyError(
                f"{error.name or error} cannot be imported: run `pip install torch ultralytics`"
            ) from error
        return torch, AutoBackend


def _check_offline(package: Any) -> None:
    """Refuse an ultralytics that someone else imported while it could reach the network."""
    utils = getattr(package, "utils", None)
    said = {
        "YOLO_OFFLINE": getattr(utils, "ONLINE", True) is False,
        "YOLO_AUTOINSTALL": getattr(utils, "AUTOINSTALL", True) is False,
        "ULTRALYTICS_SAFE_LOAD": getattr(utils, "SAFE_LOAD", False) is True,
    }
    missing = [f"{name}={_OFFLINE[name]}" for name, ok in said.items() if not ok]
    if missing:
        raise ConfigError(
            "ultralytics was imported before redact could keep it offline: load redact's "
            f"detector first, or set {' '.join(missing)} before the process starts"
        )


class UltralyticsDetector:
    """Finds people or faces with Ultralytics weights that lie on disk. Thread-safe.

    Raises ModelError for a path that is not there (nothing is ever downloaded) or weights that
    cannot be used, ConfigError where their classes hold neither people nor faces.
    """

    def __init__(self, path: str | Path, options: DetectorOptions | None = None) -> None:
        self._path = Path(path)
        self._options = options or DetectorOptions()
        self._sha256 = self._digest()
        self._torch, backend = _offline_ultralytics()
        self._torch.set_num_threads(self._options.threads)
        self._lock = threading.Lock()
        with self._door("load"):
            self._model = backend(model=str(self._path.absolute()), verbose=False, fp16=False)
        self._fixed = self._fixed_size()
        self._family, labels = self._recognise()
        floors = {Label.PERSON: self._options.hide_score, Label.FACE: self._options.face_score}
        self._wanted = Wanted.of(labels, floors)

    def _digest(self) -> str:
        if self._path.suffix.lower() not in (".pt", ".onnx"):
            raise ConfigError(f"{self._path}: expected Ultralytics weights, .pt or .onnx")
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelError(
                f"{self._path}: cannot read the model: {error.strerror or error}; "
                "weights are never downloaded, put the file there"
            ) from error

    def _door(self, doing: str) -> _Door:
        return _Door(f"{self._path.name}: cannot {doing} the model with ultralytics")

    def _fixed_size(self) -> Size | None:
        """(height, width) that an .onnx was exported for; .pt takes any."""
        session = getattr(self._model.backend, "session", None)
        if session is None:
            return None
        height, width = session.get_inputs()[0].shape[2:]
        return (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def _recognise(self) -> tuple[str, Mapping[Label, Sequence[int]]]:
        """Family and classes, told from a run on an empty picture."""
        size = self._fixed or _PROBE
        outputs = self._run([np.zeros((*size, 3), np.uint8)])
        names = {int(k): str(v) for k, v in dict(self._model.names).items()}
        signature = Signature(size, (tuple(outputs[0].shape),), names, self._path.stem)
        for name in ("yolo", "yolo-end-to-end", "yolov5"):
            guess = FAMILIES[name].guess(signature)
            if guess is not None and guess.labels:
                return name, guess.labels
        raise ConfigError(
            f"{self._path}: output {list(outputs[0].shape)} with classes "
            f"{list(names.values())[:8]} is no detector of people or faces"
        )

    def _run(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> Outputs:
        """RGB pictures (h, w, 3) of one size -> the first output (n, ...) float32."""
        torch = self._torch
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
        with self._lock, self._door("run"), torch.inference_mode():
            output = self._model(batch.to(self._model.device).float().div_(255))
            while isinstance(output, list | tuple):
                output = output[0]
            return [output.float().cpu().numpy()]

    @property
    def labels(self) -> frozenset[Label]:
        return frozenset(Label(int(label)) for label in self._wanted.labels)

    def describe(self) -> list[ModelInfo]:
        """What runs here, for reports. Ultralytics' own weights are AGPL-3.0."""
        size = self._fixed
        return [
            ModelInfo(
                name=self._path.stem,
                family=f"ultralytics {self._family}",
                licence=UNVERIFIED,
                sha256=self._sha256,
                verified=False,
                labels=tuple(sorted(label.name.lower() for label in self.labels)),
                input=f"{size[1]}x{size[0]}" if size else f"long {self._options.long_side}",
            )
        ]

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """One `Detections` per frame, in frame pixels, unclipped. Raises ModelError."""
        return self.look(Pictures(frames))

    def look(self, pictures: Pictures) -> list[Detections]:
        """As `detect`, on pictures that other models may share; equal sizes run as one batch."""
        groups: dict[Fit, list[int]] = {}
        for index, frame in enumerate(pictures.frames):
            height, width = self._fixed or network_size(
                frame.width, frame.height, self._options.long_side, _MULTIPLE
            )
            groups.setdefault(Fit(height, width), []).append(index)
        found: dict[int, Detections] = {}
        for fit, members in groups.items():
            rows = [pictures.get(index, fit) for index in members]
            output = self._run([picture for picture, _ in rows])[0]
            for at, (index, (_, transform)) in enumerate(zip(members, rows, strict=True)):
                found[index] = transform.apply(self._decode(output[at : at + 1], fit))
        return [found[index] for index in range(len(pictures.frames))]

    def _decode(self, output: npt.NDArray[Any], fit: Fit) -> Detections:
        try:
            return FAMILIES[self._family].decode([output], (fit.height, fit.width), self._wanted)
        except ModelError as error:
            raise ModelError(f"{self._path.name}: {error}") from error


class _Door:
    """Maps whatever ultralytics and torch raise to ModelError."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ImportError):
            raise MissingDependencyError(f"{self._message}: {error}") from error
        if isinstance(error, Exception):
            text = " ".join(str(error).split())
            raise ModelError(f"{self._message}: {text[:300]}") from error
