"""Fixtures: a store, its bucket, clips in it."""

from __future__ import annotations

import json
import logging
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cliclips import make_clip
from stores import KEY, SECRET, Failing

from redact.storage import ObjectPath
from redact.storage.store import call
from redact.storage.upload import put

ZONE = {"polygons": [[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]]}


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    """Host and port of the S3 API."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def proxy(moto: tuple[str, int]) -> Iterator[Failing]:
    """In front of the store; fails only where a test says so."""
    with Failing(*moto).running() as failing:
        yield failing


@pytest.fixture
def bucket(proxy: Failing, monkeypatch: pytest.MonkeyPatch) -> ObjectPath:
    """An empty bucket, and an environment that leads to it."""
    for name in ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = ObjectPath.of(f"b-{uuid.uuid4().hex[:12]}")
    call("create_bucket", str(made), Bucket=made.bucket)
    return made


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `in` of three small clips, and `zone.json`."""
    here = tmp_path_factory.mktemp("clips")
    (here / "zone.json").write_text(json.dumps(ZONE))
    for seed, name in enumerate(("a.mp4", "b.mkv", "deep/c.avi")):
        make_clip(here / "in" / name, 30, seed=seed)
    return here


@pytest.fixture
def filled(bucket: ObjectPath, clips: Path) -> ObjectPath:
    """The bucket with the same below `in/`."""
    for path in sorted((clips / "in").rglob("*.*")):
        put(bucket / "in" / path.relative_to(clips / "in").as_posix(), path.read_bytes())
    return bucket
