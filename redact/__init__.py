"""redact: hide everyone beyond the property, before footage exists.

    import redact

    config = redact.Config(zone=redact.load_zone("zone.json"))
    redact.run("camera.mp4", "redacted.mp4", config)

Names load at first use: importing the package costs milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from redact.build import load_detector, make_redactor, run
    from redact.config import Config, load_zone
    from redact.errors import RedactError
    from redact.geometry import Zone
    from redact.pipeline import Pipeline
    from redact.redactor import Redactor
    from redact.structures import (
        Colour,
        Decision,
        Detections,
        Frame,
        Label,
        Mask,
        Reason,
        RedactedFrame,
        Report,
        StreamInfo,
        Tracks,
    )

_HOMES = {
    "Colour": "structures",
    "Config": "config",
    "Decision": "structures",
    "Detections": "structures",
    "Frame": "structures",
    "Label": "structures",
    "Mask": "structures",
    "Pipeline": "pipeline",
    "Reason": "structures",
    "RedactError": "errors",
    "RedactedFrame": "structures",
    "Redactor": "redactor",
    "Report": "structures",
    "StreamInfo": "structures",
    "Tracks": "structures",
    "Zone": "geometry",
    "load_detector": "build",
    "load_zone": "config",
    "make_redactor": "build",
    "run": "build",
}

__all__ = [
    "Colour",
    "Config",
    "Decision",
    "Detections",
    "Frame",
    "Label",
    "Mask",
    "Pipeline",
    "Reason",
    "RedactError",
    "RedactedFrame",
    "Redactor",
    "Report",
    "StreamInfo",
    "Tracks",
    "Zone",
    "load_detector",
    "load_zone",
    "make_redactor",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
