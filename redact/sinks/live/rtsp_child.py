"""The RTSP server of the relay: a program for the Python that has GStreamer's `gi`, mostly that of
the distribution. It imports nothing of redact and is handed nothing but coded, redacted pictures.

Standard input is a socket on which `serve.py` sends messages: the sizes of head and body (two
unsigned 32-bit numbers, big-endian), the head as JSON, the body. The first one says what to serve
to whom, so that passwords appear in no command line. One line of standard output answers it:
`ready`, `missing: ...` or `failed: ...`. The program ends when the socket is closed.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from typing import Any, BinaryIO

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
except (ImportError, ValueError) as error:
    sys.stdout.write(f"missing: {error}\n")
    sys.exit(3)

_SIZES = struct.Struct("!II")
_NEEDED = ("appsrc", "rtpbin", "rtph264pay", "rtph265pay", "rtpmp4gpay", "udpsink")
_TICK = 90_000  # per second, in messages
_MOST = 8_000_000  # bytes that may wait for one viewer
_VIEWERS = 64  # at most, at one address
_OK = Gst.FlowReturn.OK


class Viewer:
    """One client's own pipeline. It begins at a key frame, and again after packets had to go."""

    def __init__(self, source: Any, sound: Any) -> None:
        self._source = source
        self._sound = sound  # None without any
        self._gap = True
        self._offset: int | None = None  # ns from the relay's time line to this pipeline's

    def push(self, pts: int, duration: int, head: dict[str, Any], data: bytes) -> bool:
        """One picture or packet of sound; False when the client is gone. pts, duration: ns."""
        key, sound = head["key"], head["sound"]
        if self._gap and not key:
            return True
        source = self._sound if sound else self._source
        self._gap = source.get_property("current-level-bytes") > _MOST
        if self._gap:
            return True
        if self._offset is None:
            now = source.get_current_running_time()
            self._offset = (0 if now == Gst.CLOCK_TIME_NONE else now) - pts
        if pts + self._offset < 0:
            return True  # sound from before the first picture
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = buffer.dts = pts + self._offset
        buffer.duration = duration
        return bool(source.emit("push-buffer", buffer) == _OK)


class Mount:
    """One path. Every client gets a pipeline of its own, so that each begins at a key frame and
    none disturbs another."""

    def __init__(self, codec: str, sound: dict[str, Any] | None, role: str) -> None:
        self._lock = threading.Lock()
        self._viewers: list[Viewer] = []
        self.factory = factory = GstRtspServer.RTSPMediaFactory()
        # Key frames bring their parameter sets along. By `config-interval=-1` a payloader of 1.22
        # would put them before each slice of a key frame, which parts the picture for players.
        parts = [
            "appsrc name=source is-live=true format=time "
            f"caps=video/x-{codec},stream-format=byte-stream,alignment=au "
            f"! rtp{codec}pay name=pay0 pt=96"
        ]
        if sound is not None:
            parts.append(
                "appsrc name=sound is-live=true format=time caps=audio/mpeg,mpegversion=4,"
                f"stream-format=raw,rate={sound['rate']},channels={sound['channels']},"
                f"codec_data=(buffer){sound['config']} ! rtpmp4gpay name=pay1 pt=97"
            )
        factory.set_launch(f"( {' '.join(parts)} )")
        factory.set_shared(False)
        permissions = GstRtspServer.RTSPPermissions()
        for what in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role(role, what, True)
        factory.set_permissions(permissions)
        factory.connect("media-configure", self._come)

    def _come(self, _factory: Any, media: Any) -> None:
        bin_ = media.get_element()
        viewer = Viewer(bin_.get_by_name("source"), bin_.get_by_name("sound"))
        media.connect("unprepared", lambda _media: self._leave(viewer))
        with self._lock:
            self._viewers.append(viewer)

    def _leave(self, viewer: Viewer) -> None:
        with self._lock:
            if viewer in self._viewers:
                self._viewers.remove(viewer)

    def push(self, pts: int, duration: int, head: dict[str, Any], data: bytes) -> None:
        with self._lock:
            viewers = list(self._viewers)
        for viewer in viewers:
            if not viewer.push(pts, duration, head, data):
                self._leave(viewer)


class Server:
    """Everything at one address. Clients run in threads of their own: one that waits for its
    first picture holds up nobody."""

    def __init__(self, head: dict[str, Any]) -> None:
        self._mounts: dict[str, Mount] = {}
        self._clients: dict[Any, str] = {}  # client -> the path that it asked for last
        self._users = {path: access["user"] for path, access in head["paths"].items()}
        self._server = server = GstRtspServer.RTSPServer()
        server.set_address(head["host"])
        server.set_service(str(head["port"]))
        server.get_session_pool().set_max_sessions(_VIEWERS)
        threads = GstRtspServer.RTSPThreadPool()
        threads.set_max_threads(-1)
        server.set_thread_pool(threads)
        server.set_auth(_auth(head["paths"].values()))
        server.connect("client-connected", self._connected)
        if not server.attach(None):
            raise OSError(f"cannot listen at {head['host']}:{head['port']}")
        GLib.timeout_add_seconds(2, self._tidy)

    def _tidy(self) -> bool:
        """Sessions whose clients fell silent go."""
        self._server.get_session_pool().cleanup()
        return True

    def _connected(self, _server: Any, client: Any) -> None:
        client.connect("describe-request", self._described)
        client.connect("closed", lambda gone: self._clients.pop(gone, None))

    def _described(self, client: Any, context: Any) -> None:
        self._clients[client] = context.uri.abspath

    def take(self, head: dict[str, Any], body: bytes) -> None:
        path = head["path"]
        if head["do"] == "start":
            self._end(path)
            role = self._users[path] or "anybody"
            mount = self._mounts[path] = Mount(head["codec"], head["sound"], role)
            self._server.get_mount_points().add_factory(path, mount.factory)
        elif head["do"] == "end":
            self._end(path)
        elif path in self._mounts:
            pts, duration = (n * Gst.SECOND // _TICK for n in head["times"])
            self._mounts[path].push(pts, duration, head, body)

    def _end(self, path: str) -> None:
        """Clients are let go of: what follows is another stream, which they have to ask for."""
        if self._mounts.pop(path, None) is None:
            return
        self._server.get_mount_points().remove_factory(path)
        gone, stays = GstRtspServer.RTSPFilterResult.REMOVE, GstRtspServer.RTSPFilterResult.KEEP
        self._server.client_filter(
            lambda _server, client: gone if self._clients.get(client) == path else stays
        )


def _auth(paths: Any) -> Any:
    """Digest, so that no password crosses the network; nobody is asked where no path has one."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_realm("redact")
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    named = {access["user"]: access["password"] for access in paths if access["user"]}
    for user, password in named.items():
        auth.add_digest(user, password, _token(user))
    if not named:
        auth.set_default_token(_token("anybody"))
    return auth


def _token(role: str) -> Any:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    return token


def _message(pipe: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    sizes = pipe.read(_SIZES.size)
    if len(sizes) < _SIZES.size:
        return None
    head, body = (pipe.read(size) for size in _SIZES.unpack(sizes))
    return json.loads(head), body


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _feed(pipe: BinaryIO, server: Server, loop: Any) -> None:
    try:
        while (message := _message(pipe)) is not None:
            server.take(*message)
    finally:
        loop.quit()


def main() -> int:
    Gst.init(None)
    missing = [name for name in _NEEDED if Gst.ElementFactory.find(name) is None]
    if missing:
        _answer(f"missing: {', '.join(missing)}")
        return 3
    pipe = os.fdopen(0, "rb")
    first = _message(pipe)
    if first is None:
        return 0
    try:
        server = Server(first[0])
    except OSError as error:
        _answer(f"failed: {error}")
        return 6
    _answer("ready")
    loop = GLib.MainLoop()
    threading.Thread(target=_feed, args=(pipe, server, loop), daemon=True).start()
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
