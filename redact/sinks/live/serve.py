"""ServeOutput: an RTSP server of our own, by GStreamer's gst-rtsp-server in a child process.

The child (`rtsp_child.py`) gets coded, redacted pictures through a socket. If it dies or hangs it
is started anew, and outputs begin again at a key frame.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redact.errors import MissingDependencyError, SinkError
from redact.sinks.live import Coded, CodedStream

DEBIAN_PYTHON = "/usr/bin/python3"  # has `gi` where the distribution's packages are installed
_CHILD = Path(__file__).with_name("rtsp_child.py")
_SIZES = struct.Struct("!II")
_BEGIN = 60.0  # seconds in which the child must be ready: GStreamer may look for its plugins first
_PATIENCE = 10.0  # seconds in which it must take a packet
_PACKAGES = (
    "apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base "
    "gstreamer1.0-plugins-good"
)
_KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "GI_TYPELIB_PATH")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see a path; anybody without a user."""

    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Access({self.user!r})"


class RtspServer:
    """One address with all its paths. Used by several threads. generation: rises with every child.

    paths: who may see what. The environment, which may hold passwords of cameras, is not passed on.
    """

    def __init__(self, host: str, port: int, paths: Mapping[str, Access]) -> None:
        self.address = f"{host}:{port}"
        self.generation = 0
        self._hello = {
            "host": host,
            "port": port,
            "paths": {p: {"user": a.user, "password": a.password} for p, a in paths.items()},
        }
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> int:
        """Start the child where none runs; returns the generation. Raises SinkError when it cannot
        listen, MissingDependencyError when GStreamer's server is not installed."""
        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._drop()
                self._begin()
                self.generation += 1
            return self.generation

    def send(self, generation: int, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Hand a message to the child of that generation. Raises SinkError when it is gone."""
        text = json.dumps(head).encode()
        with self._lock:
            if self._socket is None or generation != self.generation:
                raise SinkError(f"the RTSP server at {self.address} ended; it is started anew")
            try:
                self._socket.sendall(_SIZES.pack(len(text), len(body)) + text + body)
            except OSError as error:  # a part may have been sent: this child is of no more use
                self._drop()
                said = "hangs" if isinstance(error, TimeoutError) else "ended"
                raise SinkError(
                    f"the RTSP server at {self.address} {said}; it is started anew"
                ) from None

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _begin(self) -> None:
        said = ""
        for python in _pythons():
            ours, theirs = socket.socketpair()
            ours.settimeout(_PATIENCE)
            with theirs:
                child = self._spawn(python, theirs)
            self._child, self._socket = child, ours
            said = self._greet(child, ours)
            if said == "ready":
                return
            self._drop()
            if said.startswith("failed: "):
                raise SinkError(f"RTSP server: {said[8:]}; choose another `listen`")
        raise MissingDependencyError(
            f"rtsp_server needs GStreamer's RTSP server ({said or 'no answer'}): {_PACKAGES}"
        )

    @staticmethod
    def _spawn(python: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [python, "-I", str(_CHILD)],
            stdin=theirs.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if k in _KEPT or k.startswith("GST_")},
            start_new_session=True,  # Ctrl-C is for the relay, which ends it when all is written
        )

    def _greet(self, child: subprocess.Popen[bytes], ours: socket.socket) -> str:
        text = json.dumps(self._hello).encode()
        with suppress(OSError):  # it ended: it says why
            ours.sendall(_SIZES.pack(len(text), 0) + text)
        watch = threading.Timer(_BEGIN, child.kill)
        watch.start()
        assert child.stdout is not None
        with child.stdout as answer:
            said = answer.readline().decode("utf-8", "replace").strip()
        watch.cancel()
        return said

    def _drop(self) -> None:
        """End the child, which has nothing to lose."""
        if self._socket is not None:
            self._socket.close()
        if self._child is not None:
            try:
                self._child.wait(2)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._socket = self._child = None


def _pythons() -> list[str]:
    """This Python where it has `gi`, then the distribution's."""
    ours = [sys.executable] if importlib.util.find_spec("gi") is not None else []
    theirs = [DEBIAN_PYTHON] if Path(DEBIAN_PYTHON).exists() else []
    return list(dict.fromkeys(ours + theirs))


class ServeOutput:
    """One path of a server. Clients come and go; each begins at a key frame."""

    def __init__(self, server: RtspServer, path: str) -> None:
        self._server = server
        self._path = path
        self._generation = 0
        self._sets = b""  # parameter sets, which go before each key frame

    def start(self, stream: CodedStream) -> None:
        self._generation = self._server.start()
        context = stream.template.codec_context
        self._sets = context.extradata or b""
        codec = "h265" if context.codec.name == "libx265" else "h264"
        head = {"do": "start", "path": self._path, "codec": codec, "sound": _described(stream)}
        self._server.send(self._generation, head)

    def write(self, packet: Coded) -> None:
        head = {
            "do": "packet",
            "path": self._path,
            "times": [packet.pts, packet.duration],
            "key": packet.key,
            "sound": packet.sound,
        }
        data = self._sets + packet.data if packet.key else packet.data
        self._server.send(self._generation, head, data)

    def event(self, name: str, active: bool) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        with suppress(SinkError):  # with the child, its clients are gone as well
            self._server.send(self._generation, {"do": "end", "path": self._path})


def _described(stream: CodedStream) -> dict[str, Any] | None:
    """AAC, as GStreamer calls it; None without sound."""
    if stream.sound is None:
        return None
    context = stream.sound.codec_context
    return {
        "rate": context.sample_rate,
        "channels": context.layout.nb_channels,
        "config": (context.extradata or b"").hex(),
    }
