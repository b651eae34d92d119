"""Detectors: from frames to boxes of people, faces and motion.

Nothing is imported before it is used: OpenVINO and OpenCV load with the first detector.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redact.detectors.description import ModelDescription, ModelInfo, load_description
    from redact.detectors.ensemble import EnsembleDetector
    from redact.detectors.letterbox import Transform, letterbox
    from redact.detectors.loading import load_detector, located
    from redact.detectors.network_detector import OpenVINODetector
    from redact.detectors.ultralytics import UltralyticsDetector

_HOMES = {
    "EnsembleDetector": "ensemble",
    "ModelDescription": "description",
    "ModelInfo": "description",
    "OpenVINODetector": "network_detector",
    "Transform": "letterbox",
    "UltralyticsDetector": "ultralytics",
    "letterbox": "letterbox",
    "load_description": "description",
    "load_detector": "loading",
    "located": "loading",
}

__all__ = [
    "EnsembleDetector",
    "ModelDescription",
    "ModelInfo",
    "OpenVINODetector",
    "Transform",
    "UltralyticsDetector",
    "letterbox",
    "load_description",
    "load_detector",
    "located",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
