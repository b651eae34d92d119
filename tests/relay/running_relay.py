"""`redact relay` as a user runs it, and what it says of itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from rtsp_scenes import free_port

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cr3t-pa55"  # in the environment, as CAMERA_PASSWORD


class Relay:
    """From its start on, until stop()."""

    def __init__(self, folder: Path, text: str) -> None:
        self.port = free_port()
        self.log = folder / "relay.log"
        config = folder / "relay.toml"
        config.write_text(f'{text}\n[status]\nlisten = "127.0.0.1:{self.port}"\n')
        command = [sys.executable, "-m", "redact", "relay", str(config)]
        environment = dict(os.environ) | {"CAMERA_PASSWORD": SECRET}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log, env=environment)

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def health(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.get("/healthz")))
        except urllib.error.HTTPError as error:
            return dict(json.loads(error.read()))
        except OSError:
            return {}

    def camera(self, name: str) -> dict[str, Any]:
        return dict(self.health().get(name, {}))

    def frames_out(self, name: str) -> int:
        return int(self.camera(name).get("frames_out", 0))

    def rss(self) -> int:
        """MB in memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) // 1024

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)
