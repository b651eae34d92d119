"""run_relay: all cameras of a configuration, until they are stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

from redact.build import load_detector, make_redactor
from redact.reading import warm
from redact.relay.camera import Camera
from redact.relay.options import RelayConfig
from redact.relay.outputs import serving
from redact.structures import StreamInfo

_TICK = 0.5  # seconds between looks at the stop flag
_PROBE = StreamInfo(64, 64, live=True)


def run_relay(
    config: RelayConfig,
    stop: threading.Event,
    tell: Callable[[str, str], None],
    *,
    on_ready: Callable[[list[Camera]], None] = lambda _cameras: None,
) -> int:
    """Relay until `stop` is set, or all inputs were files and ended. Returns the exit code: 0,
    or 1 when a camera or an output could not be ended in time.

    tell: gets (camera, one line), from any thread, without addresses or secrets. Raises
    RedactError for what can be known before the first frame.
    """
    from redact.relay.status import serve_status

    if any(each.options.sandbox for each in config.cameras):
        warm(config.cameras[0].config)
    detector = load_detector(config.cameras[0].config)
    for each in config.cameras:  # what cannot be made is told now, not at the first frame
        make_redactor(_PROBE, each.config, detector)
    events = _events(config)
    with serving(config.cameras) as servers:
        cameras = [
            Camera(camera, detector, tell, events.on_event, servers) for camera in config.cameras
        ]
        health = [camera.health for camera in cameras]
        with serve_status(config.status.listen, health), events.connected(health):
            for camera in cameras:
                camera.start()
            on_ready(cameras)
            while not stop.wait(_TICK):
                if all(camera.join(0) for camera in cameras):
                    break
            for camera in cameras:
                camera.stop()
            longest = max(2 * camera.options.stall for camera in config.cameras) + 30
            ended = [camera.join(longest) for camera in cameras]
    return 0 if all(ended) else 1


def _events(config: RelayConfig):  # type: ignore[no-untyped-def]
    from redact.relay.mqtt import MqttEvents, NoEvents

    return NoEvents() if config.mqtt is None else MqttEvents(config.mqtt)
