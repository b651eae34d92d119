"""`redact review` and `redact report` over real outputs, in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import expect
from served import SMALL, Served

from redact.cli import cli

Serve = Callable[..., Served]
BOX = (0.6, 0.6, 0.9, 0.9)


def call(*words: object) -> Any:
    return CliRunner().invoke(cli, [str(word) for word in words], prog_name="redact")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short outputs with their reports; the property is the whole lower part."""
    folder = tmp_path_factory.mktemp("made")
    clip = folder / "in" / "2026-11-20_14-05.mp4"
    clip.parent.mkdir()
    with av.open(str(SMALL)) as source, av.open(str(clip), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.pts * packet.time_base < 3:
                packet.stream = stream
                target.mux(packet)
    shutil.copy(clip, clip.with_name("2026-11-20_16-30.mp4"))
    zone = folder / "zone.json"
    zone.write_text(json.dumps({"polygons": [[[0, 0.3], [1, 0.3], [1, 1], [0, 1]]]}))
    words = ("--zone", zone, "-o", folder / "out", "--model", "none", "--quiet")
    done = call("run", folder / "in", *words)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "out", tmp_path / "out")
    return tmp_path / "out"


def luma_at(path: Path, second: float) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time >= second - 1e-3:
                return frame.to_ndarray(format="yuv420p")[: frame.height]
    raise AssertionError(f"{path} ends before {second} s")


def inside(luma: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    height, width = luma.shape
    left, top, right, bottom = (round(v * s) for v, s in zip(BOX, (width, height) * 2, strict=True))
    return luma[top + 16 : bottom - 16, left + 16 : right - 16]


def opened(page: Any, served: Served) -> Any:
    page.goto(served.address)
    page.wait_for_selector("body[data-ready=true]")
    return page


def test_a_rectangle_is_added_and_the_file_approved_and_exported(
    serve: Serve, page: Any, out: Path, tmp_path: Path
) -> None:
    first = out / "2026-11-20_14-05.mp4"
    before = luma_at(first, 1.0)
    opened(page, serve("review", out, "--export", tmp_path / "share"))
    expect(page.locator("#name")).to_have_text(first.name)
    expect(page.locator("#timeline .span").first).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("45 frames")
    area = page.locator("#overlay").bounding_box()
    x, y = (lambda v: area["x"] + v * area["width"]), (lambda v: area["y"] + v * area["height"])
    page.mouse.move(x(BOX[0]), y(BOX[1]))
    page.mouse.down()
    page.mouse.move(x(BOX[2]), y(BOX[3]), steps=3)
    page.mouse.up()
    page.fill("#from", "0.5")
    page.fill("#to", "1.5")
    page.click("#hide")
    expect(page.locator("#said")).to_contain_text("hidden from 0.5 to 1.5 s", timeout=60_000)
    assert inside(before).std() > 3
    assert inside(luma_at(first, 1.0)).std() < 1.5
    assert inside(luma_at(first, 2.5)).std() > 3
    record = json.loads((out / f"{first.name}.redact.json").read_text())
    assert record["output"]["bytes"] == first.stat().st_size
    assert len(record["by_hand"]) == 1
    page.click("#approve")
    expect(page.locator("#verdict")).to_contain_text("approved")
    page.click("#export")
    expect(page.locator("#said")).to_contain_text("Exported")
    shared = tmp_path / "share"
    assert sorted(p.name for p in shared.iterdir()) == [first.name, f"{first.name}.redact.json"]
    assert (shared / first.name).read_bytes() == first.read_bytes()


def test_files_are_filtered_stepped_and_judged_by_keys(serve: Serve, page: Any, out: Path) -> None:
    (out / "broken.mp4").write_bytes(b"not finished")
    opened(page, serve("review", out))
    expect(page.locator("#files .file")).to_have_count(3)
    page.select_option("#filter", "failed")
    expect(page.locator("#files .file")).to_have_count(1)
    expect(page.locator("#facts")).to_contain_text("not known to be finished")
    page.click("#approve")
    expect(page.locator("#said")).to_contain_text("not finished and cannot be approved")
    page.select_option("#filter", "motion")
    expect(page.locator("#files .file")).to_have_count(2)
    expect(page.locator("#name")).to_have_text("2026-11-20_14-05.mp4")
    page.focus("#player")
    page.keyboard.press("n")
    expect(page.locator("#name")).to_have_text("2026-11-20_16-30.mp4")
    page.keyboard.press("r")
    expect(page.locator("#verdict")).to_contain_text("rejected")


def test_the_original_is_shown_only_when_the_owner_passes_it(
    serve: Serve, page: Any, made: Path, out: Path
) -> None:
    without = serve("review", out)
    own = without.sign_in()
    assert without.ask("/api/outputs/0/original/500", headers=own).status == 404
    given = serve("review", out, "--original", made / "in")
    opened(page, given)
    expect(page.locator("#beside")).to_be_visible()
    page.wait_for_selector("#original[data-at]")
    assert page.evaluate("document.getElementById('original').width") == 640


def test_an_approval_does_not_outlive_a_change_of_the_file(
    serve: Serve, out: Path, tmp_path: Path
) -> None:
    served = serve("review", out, "--export", tmp_path / "share")
    own = served.sign_in()
    assert served.post("/api/outputs/0/verdict", b'{"verdict": "approved"}', own).status == 200
    first = out / "2026-11-20_14-05.mp4"
    first.write_bytes(first.read_bytes()[:-1] + b"x")
    assert served.post("/api/export", b"{}", own).status == 422
    assert not (tmp_path / "share").exists()
    box = json.dumps({"start": 0, "end": 1, "box": BOX}).encode()
    refused = served.post("/api/outputs/0/hide", box, own)
    assert refused.status == 422
    assert b"not what its report says" in refused.body


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/outputs/7/video", None, 404),
        ("/api/outputs/..%2f..%2fzone.json/video", None, 404),
        ("/api/outputs/0/../../zone.json", None, 404),
        ("/api/outputs/0/hide", b'{"start": 2, "end": 1, "box": [0, 0, 1, 1]}', 422),
        ("/api/outputs/0/hide", b'{"start": 0, "end": 1, "box": [0.5, 0, 0.2, 1]}', 422),
        ("/api/outputs/0/hide", b'{"start": 900, "end": 901, "box": [0, 0, 1, 1]}', 422),
        ("/api/outputs/0/hide", b'{"start": 0, "end": 1, "box": [0, 0, 1, 1], "x": 1}', 400),
        ("/api/outputs/0/verdict", b'{"verdict": "fine"}', 400),
        ("/api/export", b"{}", 422),
    ],
)
def test_what_the_review_cannot_do_it_refuses(
    attacked: tuple[Served, dict[str, str], Path], path: str, body: bytes | None, status: int
) -> None:
    served, own, folder = attacked
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    answer = served.ask(path, headers=own) if body is None else served.post(path, body, own)
    assert answer.status == status
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.fixture(scope="module")
def attacked(made: Path) -> Any:
    from served import launched

    with launched(made, "review", made / "out") as served:
        yield served, served.sign_in(), made / "out"


def test_a_report_is_one_file_that_loads_nothing(made: Path, tmp_path: Path) -> None:
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    assert call("report", made / "out", "-o", page).exit_code == 0
    assert call("report", made / "out", "-o", picture).exit_code == 0
    text = page.read_text()
    assert "<td>2</td>" in text  # files
    assert "something moves beyond the property" in text
    assert not any(word in text for word in ("http://", "https://", "<script", "2026-11-20_14-05"))
    assert picture.read_bytes()[:4] == b"\x89PNG"
    again = call("report", made / "out", "-o", page)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


@pytest.mark.parametrize(("words", "said"), [("nothing", "no such file"), (".", "no output")])
def test_there_is_nothing_to_report(tmp_path: Path, words: str, said: str) -> None:
    result = call("report", tmp_path / words, "-o", tmp_path / "r.html")
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []
