"""Events and health through an MQTT broker, as Home Assistant discovers them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redact
from redact.errors import MissingDependencyError
from redact.relay.health import CameraHealth
from redact.relay.options import MqttSection

_EVERY = 10.0  # seconds between health messages
_SENSORS = {
    "person": ("Person on property", "occupancy"),
    "outside": ("Someone outside hidden", None),
    "problem": ("Redaction problem", "problem"),
}


class NoEvents:
    """Without a broker."""

    def on_event(self, camera: str, name: str, active: bool) -> None:
        """Nobody is told."""

    @contextmanager
    def connected(self, _cameras: Sequence[CameraHealth]) -> Iterator[None]:
        yield


class MqttEvents:
    """Retained states under PREFIX/CAMERA/{person,outside,problem,health}, and PREFIX/status.

    The broker may be away: the client comes back on its own, then says everything again.
    """

    def __init__(self, options: MqttSection) -> None:
        try:
            import paho.mqtt.client as paho
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise MissingDependencyError("mqtt needs paho-mqtt: redact[relay]") from error
        self._options = options
        self._states: dict[str, str] = {}
        self._cameras: Sequence[CameraHealth] = ()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._on_connect
        self._client.will_set(f"{options.prefix}/status", "offline", retain=True)
        if options.username is not None:
            self._client.username_pw_set(options.username, options.password)

    def on_event(self, camera: str, name: str, active: bool) -> None:
        """Called from the camera's thread; only queues."""
        self._say(f"{camera}/{name}", "ON" if active else "OFF")

    @contextmanager
    def connected(self, cameras: Sequence[CameraHealth]) -> Iterator[None]:
        """Talk to the broker while the block lasts."""
        self._cameras = cameras
        for camera in cameras:
            for name in ("person", "outside"):
                self._states[f"{camera.name}/{name}"] = "OFF"
        over = threading.Event()
        self._client.connect_async(self._options.host, self._options.port)
        self._client.loop_start()
        teller = threading.Thread(target=self._tell_health, args=(over,), daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join(5)
            if self._client.is_connected():
                self._client.publish(f"{self._options.prefix}/status", "offline", retain=True)
            self._client.disconnect()
            self._client.loop_stop()

    def _tell_health(self, over: threading.Event) -> None:
        while not over.is_set():
            for camera in self._cameras:
                self._say(f"{camera.name}/problem", "OFF" if camera.healthy else "ON")
                self._say(f"{camera.name}/health", json.dumps(camera.to_dict()))
            over.wait(_EVERY)

    def _say(self, topic: str, text: str) -> None:
        self._states[topic] = text
        if self._client.is_connected():
            self._client.publish(f"{self._options.prefix}/{topic}", text, retain=True)

    def _on_connect(self, client: Any, _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            return
        client.publish(f"{self._options.prefix}/status", "online", retain=True)
        for camera in self._cameras:
            for key, (title, kind) in _SENSORS.items():
                self._discover(camera.name, key, title, kind)
        for topic, text in list(self._states.items()):
            client.publish(f"{self._options.prefix}/{topic}", text, retain=True)

    def _discover(self, camera: str, key: str, title: str, kind: str | None) -> None:
        prefix, ident = self._options.prefix, f"{self._options.prefix}_{camera}"
        sensor: dict[str, Any] = {
            "name": title,
            "unique_id": f"{ident}_{key}",
            "state_topic": f"{prefix}/{camera}/{key}",
            "availability_topic": f"{prefix}/status",
            "device": {
                "identifiers": [ident],
                "name": f"redact {camera}",
                "manufacturer": "redact",
                "sw_version": redact.__version__,
            },
        }
        if kind is not None:
            sensor["device_class"] = kind
        if key == "problem":
            sensor["json_attributes_topic"] = f"{prefix}/{camera}/health"
            sensor["entity_category"] = "diagnostic"
        topic = f"{self._options.discovery}/binary_sensor/{ident}/{key}/config"
        self._client.publish(topic, json.dumps(sensor), retain=True)
