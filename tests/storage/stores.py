"""A real S3 API on a random port of this machine, and a network that fails."""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from redact.storage import ObjectPath
from redact.storage.upload import uploads_below

KEY, SECRET = "AKIDTESTTESTTESTTEST", "s3cr3t/of+the/tests"


class Failing:
    """A proxy in front of a store. hold: calls that hold these words wait
    until `released` is set; held: of how many objects. share: of all calls that fail, half of them
    before the store hears of them, half of them after it did what was asked: the answer is
    lost. failed: how many did. calls: method and path of each."""

    def __init__(self, host: str, port: int, share: float = 0.0, seed: int = 7) -> None:
        self.share = share
        self.hold: tuple[str, ...] = ()
        self._held: set[str] = set()
        self.released = threading.Event()
        self.failed = 0
        self.calls: list[str] = []
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                fate = outer.fate(f"{self.command} {self.path}")
                if fate == "refused":
                    self._say(503, [], b"<Error><Code>ServiceUnavailable</Code></Error>")
                    return
                to = http.client.HTTPConnection(host, port, timeout=30)
                to.request(self.command, self.path, body, dict(self.headers))
                answer = to.getresponse()
                content = answer.read()
                if fate == "lost":
                    self.close_connection = True
                    return
                self._say(answer.status, answer.getheaders(), content)

            def _say(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                head = self.command == "HEAD"
                dropped = {"transfer-encoding", "connection"} | (
                    set() if head else {"content-length"}
                )
                for name, value in headers:
                    if name.lower() not in dropped:
                        self.send_header(name, value)
                if not head:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if not head:
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def fate(self, call: str) -> str:
        with self._lock:
            self.calls.append(call)
            waits = bool(self.hold) and all(word in call for word in self.hold)
            if waits:
                self._held.add(call.partition("?")[0])
        if waits:
            self.released.wait(150)
        with self._lock:
            draw = self._dice.random()
            if draw >= self.share:
                return "fine"
            self.failed += 1
            return "refused" if draw < self.share / 2 else "lost"

    @property
    def held(self) -> int:
        return len(self._held)

    def calm(self) -> None:
        """No more harm; count anew."""
        self.share, self.hold, self.failed = 0.0, (), 0
        self._held.clear()
        self.released.clear()

    @contextmanager
    def running(self) -> Iterator[Failing]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


def keys(bucket: ObjectPath) -> list[str]:
    """All that lies in it, unfinished uploads included, with a question mark."""
    there = [place.key for place in bucket.walk()]
    return sorted(there + [f"?{u.at.key}" for u in uploads_below(bucket.bucket, "")])
