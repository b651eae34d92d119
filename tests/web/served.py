"""A page that is being served, as a test sees it."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "samples" / "driveway_small.mp4"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Served:
    """process: of the server. began: `perf_counter` when it was started."""

    process: subprocess.Popen[str]
    port: int
    token: str
    began: float

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request as written: no redirect, no cookie jar, no tidying of the path."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.putrequest(method, path, skip_host=True)
            wanted = {"Host": f"127.0.0.1:{self.port}"} | (headers or {})
            if body is not None:
                wanted |= {"Content-Length": str(len(body))}
            for name, value in wanted.items():
                link.putheader(name, value)
            link.endheaders(body)
            answer = link.getresponse()
            plain = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, plain, answer.read())
        finally:
            link.close()

    def sign_in(self) -> dict[str, str]:
        """Redeem the token; the headers of the page that got it."""
        answer = self.ask(f"/?token={self.token}")
        assert answer.status == 200, answer
        key = re.search(rb'name="redact-key" content="([^"]+)"', answer.body)
        assert key is not None
        return {
            "Cookie": answer.headers["set-cookie"].partition(";")[0],
            "X-Redact-Key": key[1].decode(),
        }

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        own: dict[str, Any] = {"Origin": self.origin, "Content-Type": "application/json"}
        return self.ask(path, "POST", headers=own | headers, body=body)


@contextmanager
def launched(folder: Path, *words: object) -> Iterator[Served]:
    """Run `redact ...` in `folder`, from when it has printed its address."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "redact", *map(str, words), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", line)
        if found is None:
            raise AssertionError(f"no address: {line!r} {process.communicate()[1]}")
        yield Served(process, int(found[1]), found[2], began)
    finally:
        process.kill()
        process.communicate()
