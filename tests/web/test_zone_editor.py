"""`redact zone edit` in a real browser, on a real clip."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from served import SMALL, Served

from redact.config import load_zone

Serve = Callable[..., Served]

# Concave: the corner in the middle of the upper side lies lower than its neighbours.
OUTLINE = [(0.2, 0.9), (0.25, 0.45), (0.5, 0.6), (0.75, 0.45), (0.9, 0.9)]
HOLE = [(0.45, 0.7), (0.55, 0.7), (0.55, 0.8), (0.45, 0.8)]


def opened(page: Any, served: Served) -> Any:
    page.goto(served.address)
    page.wait_for_selector("body[data-ready=true]")
    return page


def click(page: Any, points: list[tuple[float, float]]) -> None:
    area = page.locator("#overlay").bounding_box()
    for x, y in points:
        page.mouse.click(area["x"] + x * area["width"], area["y"] + y * area["height"])


def draw(page: Any, button: str, points: list[tuple[float, float]]) -> None:
    """Click the corners, then the first one again, which closes the ring."""
    page.click(button)
    click(page, [*points, points[0]])


def rings_of(path: Path) -> tuple[list[Any], list[Any]]:
    plain = json.loads(path.read_text())
    return plain["polygons"], plain.get("holes", [])


def test_a_concave_outline_with_a_hole_is_drawn_previewed_saved_and_used(
    serve: Serve, page: Any, tmp_path: Path
) -> None:
    words = ("zone", "edit", SMALL, "-o", "zone.json", "--seconds", "13", "--model", "none")
    opened(page, serve(*words))
    draw(page, "#draw-polygon", OUTLINE)
    page.wait_for_selector("#people[data-of]")
    before = page.get_attribute("#people", "data-of")
    assert "background is not known" in page.inner_text("#people")  # motion alone, first second
    draw(page, "#draw-hole", HOLE)
    expect(page.locator("#people")).not_to_have_attribute("data-of", before)
    page.click("#save")
    expect(page.locator("#said")).to_contain_text("Saved")
    polygons, holes = rings_of(tmp_path / "zone.json")
    assert (len(polygons), len(polygons[0]), len(holes), len(holes[0])) == (1, 5, 1, 4)
    assert abs(polygons[0][2][1] - 0.6) < 0.01  # the concave corner
    zone = load_zone(tmp_path / "zone.json")
    assert zone.contains([[0.5, 0.5], [0.5, 0.75], [0.3, 0.75]]).tolist() == [False, False, True]


def test_the_preview_changes_with_the_outline(serve: Serve, page: Any) -> None:
    opened(page, serve("zone", "edit", SMALL, "-o", "zone.json"))
    lower = [(0, 0.4), (0.999, 0.4), (0.999, 0.999), (0, 0.999)]
    draw(page, "#draw-polygon", lower)
    page.wait_for_selector("#progress[data-done]:not([data-done=''])", timeout=60_000)
    page.fill("#scrub", "200")
    page.wait_for_selector("#people[data-of$='/200']")
    wide = page.get_attribute("#people", "data-of"), page.inner_text("#people")
    page.click("#rings button:has-text('delete')")
    draw(page, "#draw-polygon", [(0.02, 0.9), (0.1, 0.9), (0.1, 0.97), (0.02, 0.97)])
    expect(page.locator("#people")).not_to_have_attribute("data-of", wide[0], timeout=60_000)
    page.wait_for_selector("#people[data-of$='/200']", timeout=60_000)
    assert page.inner_text("#people") != wide[1]
    expect(page.locator("#people")).to_contain_text("moves beyond the property")
    expect(page.locator("#warnings")).to_contain_text("nobody is ever on the property")


def test_corners_are_dragged_inserted_deleted_typed_and_undone(
    serve: Serve, page: Any, tmp_path: Path
) -> None:
    file = tmp_path / "zone.json"
    file.write_text(json.dumps({"polygons": [[[0.2, 0.5], [0.8, 0.5], [0.8, 0.9], [0.2, 0.9]]]}))
    opened(page, serve("zone", "edit", SMALL, "-o", file))

    def corners() -> int:
        return page.locator("#overlay .corner").count()

    corner = page.locator("[data-corner='0,0']").bounding_box()
    area = page.locator("#overlay").bounding_box()
    page.mouse.move(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + 0.1 * area["width"], area["y"] + 0.4 * area["height"], steps=4)
    page.mouse.up()
    assert corners() == 4
    page.locator("[data-between='0,0']").click()
    assert corners() == 5
    page.keyboard.press("Delete")  # the new corner has the focus
    assert corners() == 4
    page.click("#undo")
    assert corners() == 5
    page.click("#redo")
    assert corners() == 4
    page.locator("[data-corner='0,2']").focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.get_by_label("Property 1, corner 4, y").fill("0.95")
    page.get_by_label("Property 1, corner 4, y").press("Enter")
    page.keyboard.press("Control+s")
    expect(page.locator("#said")).to_contain_text("Saved")
    (ring,), _ = rings_of(file)
    assert ring[0] == pytest.approx([0.1, 0.4], abs=0.01)
    assert ring[2] == pytest.approx([0.78, 0.9], abs=1e-4)
    assert ring[3] == pytest.approx([0.2, 0.95], abs=1e-6)


def test_an_outline_is_drawn_with_the_keyboard_alone(
    serve: Serve, page: Any, tmp_path: Path
) -> None:
    opened(page, serve("zone", "edit", SMALL, "-o", "zone.json"))
    page.focus("#draw-polygon")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowDown"):
        for _ in range(5):
            page.keyboard.press(f"Shift+{key}")
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # twice on one place ends it
    page.keyboard.press("Control+s")
    expect(page.locator("#said")).to_contain_text("Saved")
    (ring,), _ = rings_of(tmp_path / "zone.json")
    assert ring == [[0.5, 0.5], [0.6, 0.5], [0.6, 0.6]]


def test_what_the_command_line_refuses_the_page_refuses_with_the_same_words(
    serve: Serve, page: Any, tmp_path: Path
) -> None:
    opened(page, serve("zone", "edit", SMALL, "-o", "zone.json"))
    crossed = [(0.2, 0.5), (0.8, 0.9), (0.8, 0.5), (0.2, 0.9)]
    draw(page, "#draw-polygon", crossed)
    expect(page.locator("#warnings")).to_contain_text("does not cross itself")
    page.click("#save")
    page.wait_for_selector("#said.bad")
    assert "does not cross itself" in page.inner_text("#said")
    assert not (tmp_path / "zone.json").exists()
    assert list(tmp_path.iterdir()) == []


def test_the_page_fits_a_small_telephone_and_draws_by_touch(
    serve: Serve, browser: Any, tmp_path: Path
) -> None:
    size = {"width": 360, "height": 740}
    context = browser.new_context(viewport=size, has_touch=True, color_scheme="dark")
    page = opened(context.new_page(), serve("zone", "edit", SMALL, "-o", "zone.json"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.tap("#draw-polygon")
    area = page.locator("#overlay").bounding_box()
    for x, y in [(0.2, 0.5), (0.8, 0.5), (0.5, 0.9)]:
        page.touchscreen.tap(area["x"] + x * area["width"], area["y"] + y * area["height"])
    page.tap("#finish")
    page.tap("#save")
    expect(page.locator("#said")).to_contain_text("Saved")
    assert len(rings_of(tmp_path / "zone.json")[0][0]) == 3
    context.close()


def test_close_ends_the_server_and_says_what_was_saved(serve: Serve, page: Any) -> None:
    served = serve("zone", "edit", SMALL, "-o", "zone.json")
    opened(page, served)
    page.click("#done")
    _, said = served.process.communicate(timeout=10)
    assert served.process.returncode == 0
    assert "nothing was saved" in said


def test_little_work_lies_between_the_command_and_the_frame(serve: Serve, page: Any) -> None:
    """Processor time, as the wall clock tells of others on the machine as well."""
    served = serve("zone", "edit", SMALL.with_name("driveway.mp4"), "--seconds", "0.1")
    opened(page, served)
    fields = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    assert ticks / os.sysconf("SC_CLK_TCK") < 2
