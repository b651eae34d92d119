"""load_detector: from the paths in a configuration to a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from redact.config import EMBEDDED, DetectorOptions
from redact.detectors.description import load_description, read_files
from redact.detectors.ensemble import EnsembleDetector, Looking
from redact.detectors.network_detector import OpenVINODetector
from redact.detectors.recognition import recognise
from redact.errors import ConfigError

_SHIPPED = Path(__file__).parent / "weights" / "redact-n.toml"


def located(path: Path) -> Path:
    """The path itself, or that of the description that `EMBEDDED` stands for."""
    return _SHIPPED if path == EMBEDDED else path


def load_detector(paths: Sequence[str | Path], options: DetectorOptions | None = None) -> Looking:
    """One detector for all paths together.

    paths: each EMBEDDED, a model description (.toml), a bare model (.onnx, .xml with its .bin) or
    Ultralytics weights (.pt, needs the extra `ultralytics`). Raises ConfigError, ModelError,
    MissingDependencyError.
    """
    options = options or DetectorOptions()
    if not paths:
        raise ConfigError("models: no model is named; give a .toml, .onnx or .xml file")
    detectors = [_load(located(Path(path)), options) for path in paths]
    return detectors[0] if len(detectors) == 1 else EnsembleDetector(detectors)


def _load(path: Path, options: DetectorOptions) -> Looking:
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return OpenVINODetector(load_description(path), options)
    if suffix in (".onnx", ".xml"):
        files = read_files(path)
        return OpenVINODetector(recognise(path, files), options, files=files)
    if suffix == ".pt":
        from redact.detectors.ultralytics import UltralyticsDetector

        return UltralyticsDetector(path, options)
    raise ConfigError(f"{path}: not a model: expected .toml, .onnx, .xml or .pt")
