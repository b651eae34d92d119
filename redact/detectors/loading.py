"""load_detector: from the paths in a configuration to a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from redact.config import EMBEDDED, DetectorOptions
from redact.detectors.description import (
    ModelDescription,
    ModelFiles,
    load_description,
    read_files,
)
from redact.detectors.ensemble import EnsembleDetector, Looking
from redact.detectors.network_detector import OpenVINODetector
from redact.detectors.recognition import recognise
from redact.devices import CPU
from redact.errors import ConfigError

_SHIPPED = Path(__file__).parent / "weights" / "redact-n.toml"


def located(path: Path, device: str = CPU) -> Path:
    """The path itself, or that of the description that `EMBEDDED` stands for: on a graphics card
    its float twin, because INT8 is for processors."""
    if path != EMBEDDED:
        return path
    return _SHIPPED if device == CPU else _SHIPPED.with_stem(f"{_SHIPPED.stem}-float")


def load_detector(
    paths: Sequence[str | Path], options: DetectorOptions | None = None, device: str = CPU
) -> Looking:
    """One detector for all paths together. device: see `redact.devices`.

    paths: each EMBEDDED, a model description (.toml), a bare model (.onnx, .xml with its .bin) or
    Ultralytics weights (.pt, needs the extra `ultralytics`). Raises ConfigError, ModelError,
    MissingDependencyError.
    """
    options = options or DetectorOptions()
    if not paths:
        raise ConfigError("models: no model is named; give a .toml, .onnx or .xml file")
    detectors = [_load(located(Path(path), device), options, device) for path in paths]
    return detectors[0] if len(detectors) == 1 else EnsembleDetector(detectors)


def _load(path: Path, options: DetectorOptions, device: str) -> Looking:
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return _made(load_description(path), options, device)
    if suffix in (".onnx", ".xml"):
        files = read_files(path)
        return _made(recognise(path, files), options, device, files)
    if suffix == ".pt" and device == CPU:
        from redact.detectors.ultralytics import UltralyticsDetector

        return UltralyticsDetector(path, options)
    if suffix == ".pt":
        raise ConfigError(f"{path}: .pt runs on the processor alone here; export it as .onnx")
    raise ConfigError(f"{path}: not a model: expected .toml, .onnx, .xml or .pt")


def _made(
    description: ModelDescription,
    options: DetectorOptions,
    device: str,
    files: ModelFiles | None = None,
) -> Looking:
    if device == CPU:
        return OpenVINODetector(description, options, files=files)
    from redact.detectors.card.detector import TorchDetector

    return TorchDetector(description, options, device=device, files=files)
