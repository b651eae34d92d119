"""From an output's section to the object that does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from redact.relay.options import (
    CameraConfig,
    ClipsOutput,
    HlsOutputOptions,
    Mount,
    Output,
    RtspOutput,
    RtspServerOutput,
    SegmentsOutput,
    expand,
    mounts_of,
)
from redact.sinks.live import LiveOutput
from redact.sinks.live.files import ClipOutput, Recorder, SegmentOutput
from redact.sinks.live.hls import HlsOutput
from redact.sinks.live.push import PushOutput
from redact.sinks.live.serve import Access, RtspServer, ServeOutput

Servers = Mapping[tuple[str, int], RtspServer]


@contextmanager
def serving(cameras: Sequence[CameraConfig]) -> Iterator[Servers]:
    """The RTSP servers that these cameras' outputs need, one for each address, until the block
    ends. Raises MissingDependencyError, SinkError (an address is taken), ConfigError."""
    with ExitStack() as ended:
        servers = {}
        for (host, port), mounts in mounts_of(cameras).items():
            paths = {path: Access(mount.user, mount.password) for path, mount in mounts.items()}
            server = servers[host, port] = RtspServer(host, port, paths)
            ended.callback(server.close)
            server.start()
        yield servers


def make_output(options: Output, camera: CameraConfig, servers: Servers) -> LiveOutput:
    """Opens nothing yet. servers: of all cameras. Raises ConfigError."""
    name = camera.name
    match options:
        case RtspOutput():
            url = expand(options.url, f"cameras.{name}.outputs")
            return PushOutput(url, f"{name}: rtsp", options.transport)
        case RtspServerOutput():
            mount = Mount.of(options, name)
            return ServeOutput(servers[mount.host, mount.port], mount.path)
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
