"""Home Assistant's view, through a real broker."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from rtsp_scenes import free_port, wait_for

from redact.relay.health import CameraHealth
from redact.relay.mqtt import MqttEvents
from redact.relay.options import MqttSection

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Broker:
    """start() and kill() as often as a test likes; a watcher keeps what is said."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.said: dict[str, str] = {}
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stderr=subprocess.DEVNULL
        )
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _d, m: self.said.update({m.topic: m.payload.decode()})
        self._client.on_connect = lambda c, *_: c.subscribe("#")
        end = time.monotonic() + 10
        while True:
            try:
                self._client.connect("127.0.0.1", self.port)
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.1)
        self._client.loop_start()

    def kill(self) -> None:
        if self._process is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: see .ci/run")
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.kill()


def test_home_assistant_is_told_of_sensors_states_and_the_end(broker: Broker) -> None:
    events = MqttEvents(MqttSection(host="127.0.0.1", port=broker.port))
    camera = CameraHealth("front", 1.0, 5.0, 20)
    over = Event()

    def run() -> None:
        with events.connected([camera]):
            over.wait(60)

    thread = Thread(target=run)
    thread.start()
    try:
        topic = "homeassistant/binary_sensor/redact_front/person/config"
        wait_for(lambda: topic in broker.said)
        sensor = json.loads(broker.said[topic])
        wait_for(lambda: broker.said.get("redact/status") == "online")
        wait_for(lambda: broker.said.get(sensor["state_topic"]) == "OFF")
        wait_for(lambda: broker.said.get("redact/front/problem") == "ON")  # no frame came yet
        events.on_event("front", "person", True)
        wait_for(lambda: broker.said.get(sensor["state_topic"]) == "ON")
        broker.kill()
        broker.said.clear()
        events.on_event("front", "person", False)
        broker.start()
        wait_for(lambda: broker.said.get(sensor["state_topic"]) == "OFF")
        assert json.loads(broker.said["redact/front/health"])["connected"] is False
    finally:
        over.set()
        thread.join(20)
    wait_for(lambda: broker.said.get("redact/status") == "offline")
