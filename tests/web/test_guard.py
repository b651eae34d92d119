"""Attacks on a page that is being served: each is refused, and nothing of the clip comes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from served import ROOT, SMALL, Served, launched

Signed = tuple[Served, dict[str, str], Path]
JPEG = b"\xff\xd8\xff"
ZONE = json.dumps({"polygons": [[[0.1, 0.5], [0.9, 0.5], [0.9, 0.9]]]}).encode()
FRAME = "/api/frame/0"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    """One server for all that attacks it from within, and the headers of its owner."""
    folder = tmp_path_factory.mktemp("signed")
    with launched(folder, "zone", "edit", SMALL, "-o", "zone.json", "--seconds", "1") as served:
        yield served, served.sign_in(), folder


@pytest.fixture
def served(serve: Callable[..., Served]) -> Iterator[Served]:
    return serve("zone", "edit", SMALL, "-o", "zone.json", "--seconds", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_the_owner_gets_the_page_and_the_frame_and_nothing_may_keep_them(signed: Signed) -> None:
    served, own, _ = signed
    frame = served.ask(FRAME, headers=own)
    assert (frame.status, frame.body[:3]) == (200, JPEG)
    for answer in (frame, served.ask("/", headers=own), served.ask("/nowhere", headers=own)):
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert "http" not in policy.replace("https", "http").split("'none'")[0]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
        assert not any(name.startswith("access-control-") for name in answer.headers)


def test_it_listens_on_this_computer_alone(served: Served) -> None:
    listening = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True).stdout
    port = f"{served.port:04X}"
    places = [row.split()[1] for row in listening.splitlines()[1:] if row.split()[3] == "0A"]
    assert [place for place in places if place.endswith(f":{port}")] == [f"0100007F:{port}"]


@pytest.mark.parametrize("path", ["/", "/static/editor.js", "/api/clip", FRAME, "/?token=guess"])
def test_without_the_token_nothing_is_answered(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert answer.status == 403
    assert JPEG not in answer.body


def test_the_token_works_once(served: Served) -> None:
    served.sign_in()
    again = served.ask(f"/?token={served.token}")
    assert again.status == 403
    assert "set-cookie" not in again.headers


def test_two_servers_have_different_secrets(serve: Callable[..., Served]) -> None:
    one, two = (serve("zone", "edit", SMALL, "--seconds", "1") for _ in range(2))
    assert one.token != two.token
    assert one.port != two.port
    assert two.ask(FRAME, headers=one.sign_in()).status == 403


def test_the_cookie_alone_which_every_port_gets_shows_nothing(served: Served) -> None:
    own = served.sign_in()
    for kept in ("Cookie", "X-Redact-Key"):
        answer = served.ask(FRAME, headers={kept: own[kept]})
        assert (answer.status, JPEG in answer.body) == (403, False)
    page = served.ask("/", headers={"Cookie": own["Cookie"]})
    assert own["X-Redact-Key"].encode() not in page.body


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(served: Served) -> None:
    answer = served.ask(f"/?token={served.token}")
    assert {"HttpOnly", "SameSite=Strict"} <= set(answer.headers["set-cookie"].split("; "))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:80", "[::1]", "0.0.0.0"]
)
def test_another_name_for_this_computer_is_refused(signed: Signed, host: str) -> None:
    served, own, _ = signed
    assert served.ask(FRAME, headers=own | {"Host": host}).status == 421
    assert served.ask("/", headers={"Host": f"{host}:{served.port + 1}"}).status == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
def test_a_forged_request_changes_nothing(signed: Signed, origin: str | None) -> None:
    served, own, folder = signed
    headers = own | {"Content-Type": "application/json"}
    if origin is not None:
        headers["Origin"] = origin
    assert served.ask("/api/save", "POST", headers=headers, body=ZONE).status == 403
    assert list(folder.iterdir()) == []


def test_another_page_cannot_embed_or_post_a_form(signed: Signed) -> None:
    served, own, folder = signed
    foreign = own | {"Sec-Fetch-Site": "cross-site"}
    assert served.ask(FRAME, headers=foreign).status == 403
    same_site = own | {"Sec-Fetch-Site": "same-site"}  # a server on another port
    assert served.ask(FRAME, headers=same_site).status == 403
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert served.post("/api/save", ZONE, own | form).status == 415
    no_key = {"Cookie": own["Cookie"]}
    assert served.post("/api/save", ZONE, no_key).status == 403
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py",
        "/static/..%2fguard.py",
        "/static/%2e%2e/guard.py",
        "/static/..%5cguard.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/editor.html",
        "/../../etc/passwd",
        "/api/frame/../../etc/passwd",
        "/api/frame/-1",
        "/api/frame/99999999",
        "/api/frame/1e3",
    ],
)
def test_no_path_leads_out(signed: Signed, path: str) -> None:
    served, own, _ = signed
    answer = served.ask(path, headers=own)
    assert answer.status == 404
    assert b"import" not in answer.body
    assert b"root:" not in answer.body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"polygons": "no"}', 400),
        (b'{"polygons": [], "surprise": 1}', 400),
        (b"[" * 100_000, 400),
        (b'{"polygons": []}', 422),
        (b'{"polygons": [[[0, 0], [9, 9], [1, 0]]]}', 422),
        (b'{"polygons": [[[0,0],[1,1],[0,1]]], "path": "/etc/cron.d/x"}', 400),
        (b" " * (1 << 21), 413),
    ],
)
def test_what_is_no_outline_is_refused_whole(signed: Signed, body: bytes, status: int) -> None:
    served, own, folder = signed
    answer = served.post("/api/save", body, own)
    assert answer.status == status
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_do_nothing(signed: Signed, method: str) -> None:
    served, own, _ = signed
    assert served.ask("/api/clip", method, headers=own).status in (403, 405)


def test_a_saved_zone_that_someone_else_changed_is_not_overwritten_unasked(
    served: Served, folder: Path
) -> None:
    own = served.sign_in()
    assert served.post("/api/save", ZONE, own).status == 200
    (folder / "zone.json").write_text("{}")
    refused = served.post("/api/save", ZONE, own)
    assert refused.status == 422
    assert b"changed by someone else" in refused.body
    assert (folder / "zone.json").read_text() == "{}"
    asked = json.dumps(json.loads(ZONE) | {"replace": True}).encode()
    assert served.post("/api/save", asked, own).status == 200


def test_while_it_runs_no_file_is_written(serve: Callable[..., Served], folder: Path) -> None:
    served = serve("zone", "edit", SMALL, "--model", "none", "--seconds", "1")
    own = served.sign_in()
    assert served.post("/api/zone", ZONE, own).status == 200
    assert served.ask("/api/preview/1/3/picture", headers=own).status == 200
    held = Path(f"/proc/{served.process.pid}/fd")
    writable = []
    for link in held.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            info = held.with_name("fdinfo") / link.name
            flags = int(info.read_text().split()[3], 8)
            target = str(link.readlink())
            if flags & 3 and target.startswith("/"):
                writable.append(target)
    # Frames pass through memory that has no file.
    on_disk = [name for name in writable if not name.startswith(("/dev/", "/memfd:"))]
    assert on_disk == []
    assert list(folder.iterdir()) == []


def test_the_password_of_a_camera_is_never_said(folder: Path) -> None:
    address = "rtsp://owner:hunter2@127.0.0.1:9/stream"
    done = subprocess.run(
        [sys.executable, "-m", "redact", "zone", "edit", address, "--no-browser"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 5
    assert done.stderr.startswith("redact: error: 127.0.0.1: cannot be opened")
    assert "hunter2" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_snapshot_is_opened_as_well(serve: Callable[..., Served], folder: Path) -> None:
    picture = folder / "snapshot.png"
    assert cv2.imwrite(str(picture), np.full((91, 161, 3), 90, np.uint8))
    served = serve("zone", "edit", picture)
    about = json.loads(served.ask("/api/clip", headers=served.sign_in()).body)
    assert (about["name"], about["width"], about["height"]) == ("snapshot.png", 160, 90)


def test_a_file_that_is_no_picture_is_refused_in_one_line(folder: Path) -> None:
    (folder / "snapshot.png").write_text("no picture")
    done = subprocess.run(
        [sys.executable, "-m", "redact", "zone", "edit", "snapshot.png", "--no-browser"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 5
    assert "is not a picture" in done.stderr
