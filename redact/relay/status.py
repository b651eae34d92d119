"""`/metrics` for Prometheus and `/healthz` for whatever restarts things."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from redact.errors import ConfigError, MissingDependencyError
from redact.relay.health import CameraHealth

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@contextmanager
def serve_status(listen: str, cameras: Sequence[CameraHealth]) -> Iterator[str]:
    """Answer while the block lasts; yields host:port. Empty: nothing is opened.

    Raises ConfigError when the address cannot be had.
    """
    if not listen:
        yield ""
        return
    host, _, port = listen.rpartition(":")
    try:
        server = ThreadingHTTPServer((host or "127.0.0.1", int(port)), _handler(cameras))
    except (OSError, ValueError, OverflowError) as error:
        said = getattr(error, "strerror", None) or "is not host:port"
        raise ConfigError(f"status.listen {listen}: {said}; choose another one") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="redact-status", daemon=True)
    thread.start()
    try:
        yield f"{server.server_address[0]!s}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _handler(cameras: Sequence[CameraHealth]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/healthz":
                well = all(camera.healthy for camera in cameras)
                answer = {camera.name: camera.to_dict() for camera in cameras}
                self._answer(200 if well else 503, "application/json", json.dumps(answer))
            elif self.path == "/metrics":
                try:
                    self._answer(200, _TEXT, metrics(cameras))
                except MissingDependencyError as error:
                    self._answer(501, "text/plain", str(error))
            else:
                self._answer(404, "text/plain", "/metrics or /healthz")

        def _answer(self, code: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def metrics(cameras: Sequence[CameraHealth]) -> str:
    """Prometheus's text. Raises MissingDependencyError."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    except ImportError as error:
        raise MissingDependencyError("metrics need prometheus-client: redact[relay]") from error

    class Collector:
        def collect(self) -> Iterator[Any]:
            frames = CounterMetricFamily(
                "redact_frames", "Frames, by what became of them", labels=["camera", "what"]
            )
            fps = GaugeMetricFamily("redact_fps", "Frames per second", labels=["camera", "side"])
            latency = GaugeMetricFamily(
                "redact_latency_seconds",
                "Decoded to encoded, look-back included",
                labels=["camera", "quantile"],
            )
            plain = {
                name: GaugeMetricFamily(f"redact_{name}", text, labels=["camera"])
                for name, text in (
                    ("up", "1 while the camera delivers"),
                    ("healthy", "1 while frames come in and all outputs take them"),
                    ("queue_frames", "Frames that wait for analysis"),
                    ("person_on_property", "1 while somebody is shown on the property"),
                    ("someone_outside_hidden", "1 while somebody is hidden"),
                )
            }
            closed = CounterMetricFamily(
                "redact_fail_closed_seconds", "Output hidden whole", labels=["camera"]
            )
            packets = CounterMetricFamily(
                "redact_output_packets", "By output", labels=["camera", "output", "what"]
            )
            up = GaugeMetricFamily(
                "redact_output_up", "1 while it takes packets", labels=["camera", "output"]
            )
            for camera in cameras:
                name = camera.name
                for what, count in sorted(camera.counts.items()):
                    frames.add_metric([name, what], count)
                fps.add_metric([name, "in"], camera.rate(camera.arrivals))
                fps.add_metric([name, "out"], camera.rate(camera.departures))
                for share in (0.5, 0.9, 0.99):
                    value = camera.latency_at(share)
                    if value is not None:
                        latency.add_metric([name, str(share)], value)
                plain["up"].add_metric([name], camera.connected)
                plain["healthy"].add_metric([name], camera.healthy)
                plain["queue_frames"].add_metric([name], camera.queue)
                plain["person_on_property"].add_metric([name], camera.person)
                plain["someone_outside_hidden"].add_metric([name], camera.outside)
                closed.add_metric([name], camera.hidden_whole_seconds)
                for output, told in camera.outputs.items():
                    packets.add_metric([name, output, "written"], told.packets)
                    packets.add_metric([name, output, "dropped"], told.dropped)
                    up.add_metric([name, output], told.up)
            yield from (frames, fps, latency, *plain.values(), closed, packets, up)

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry).decode()
