"""From an output's section to the object that does it."""

from __future__ import annotations

from redact.relay.options import (
    CameraConfig,
    ClipsOutput,
    HlsOutputOptions,
    MountOutput,
    Output,
    RtspOutput,
    SegmentsOutput,
)
from redact.sinks.live import LiveOutput


def make_output(options: Output, camera: CameraConfig) -> LiveOutput:
    """Opens nothing yet. Raises ConfigError, MissingDependencyError."""
    from redact.relay.options import expand
    from redact.sinks.live.files import ClipOutput, Recorder, SegmentOutput
    from redact.sinks.live.hls import HlsOutput
    from redact.sinks.live.push import PushOutput

    name = camera.name
    match options:
        case RtspOutput():
            url = expand(options.url, f"cameras.{name}.outputs")
            return PushOutput(url, f"{name}: rtsp", options.transport)
        case MountOutput():
            from redact.sinks.live.mount import MountedOutput

            return MountedOutput(options.listen, options.path or name)
        case HlsOutputOptions():
            return HlsOutput(camera.path(options.folder), options.seconds, options.count)
        case SegmentsOutput():
            recorder = _recorder(Recorder, options, camera)
            return SegmentOutput(recorder, options.seconds)
        case ClipsOutput():
            recorder = _recorder(Recorder, options, camera, f"{name}-{options.on}")
            return ClipOutput(recorder, options.on, options.before, options.after)


def _recorder(
    kind: type, options: SegmentsOutput | ClipsOutput, camera: CameraConfig, name: str = ""
) -> Recorder:
    size = int(options.keep_gb * 1e9)
    return kind(camera.path(options.folder), name or camera.name, options.keep_hours, size)
