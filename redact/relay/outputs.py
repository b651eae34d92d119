"""From an output's section to the object that does it."""

from __future__ import annotations

from redact.relay.options import (
    CameraConfig,
    ClipsOutput,
    HlsOutputOptions,
    Output,
    RtspOutput,
    SegmentsOutput,
    expand,
)
from redact.sinks.live import LiveOutput
from redact.sinks.live.files import ClipOutput, Recorder, SegmentOutput
from redact.sinks.live.hls import HlsOutput
from redact.sinks.live.push import PushOutput


def make_output(options: Output, camera: CameraConfig) -> LiveOutput:
    """Opens nothing yet. Raises ConfigError, MissingDependencyError."""
    name = camera.name
    match options:
        case RtspOutput():
            url = expand(options.url, f"cameras.{name}.outputs")
            return PushOutput(url, f"{name}: rtsp", options.transport)
        case HlsOutputOptions():
            return HlsOutput(camera.path(options.folder), options.seconds, options.count)
        case SegmentsOutput():
            return SegmentOutput(_recorder(options, camera, name), options.seconds)
        case ClipsOutput():
            recorder = _recorder(options, camera, f"{name}-{options.on}")
            return ClipOutput(recorder, options.on, options.before, options.after)


def _recorder(options: SegmentsOutput | ClipsOutput, camera: CameraConfig, name: str) -> Recorder:
    size = int(options.keep_gb * 1e9)
    return Recorder(camera.path(options.folder), name, options.keep_hours, size)
