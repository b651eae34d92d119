"""Both pages can be read and used: contrast, names, focus order, sizes; light and dark, large
and small. Measured in the browser, from the colours that it computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served import SMALL, Served

Serve = Callable[..., Served]
SIZES = [(1280, 900), (360, 740)]
FAULTS = (Path(__file__).parent / "faults.js").read_text()


@pytest.fixture(params=SIZES, ids=["desktop", "telephone"])
def looks(request: pytest.FixtureRequest, browser: Any) -> Any:
    """A page of this size, first in light colours."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    yield context.new_page()
    context.close()


def faults(page: Any) -> list[str]:
    found: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {one}" for one in page.evaluate(FAULTS)]
    return found


def opened(page: Any, served: Served) -> None:
    page.goto(served.address)
    page.wait_for_selector("body[data-ready=true]")


def test_the_editor_has_no_fault_in_any_state(serve: Serve, looks: Any, tmp_path: Path) -> None:
    zone = [[0.2, 0.5], [0.8, 0.5], [0.8, 0.9], [0.2, 0.9]]
    (tmp_path / "zone.json").write_text(json.dumps({"polygons": [zone]}))
    opened(
        looks,
        serve("zone", "edit", SMALL, "--model", "none", "-o", "zone.json", "--seconds", "0.5"),
    )
    looks.wait_for_selector("#people li")
    assert faults(looks) == []
    looks.click("#draw-hole")
    looks.keyboard.press("Enter")
    assert faults(looks) == []
    looks.click("#save")  # refused: something is being drawn
    looks.wait_for_selector("#said.bad")
    assert faults(looks) == []


def test_the_review_has_no_fault(serve: Serve, looks: Any, out: Path) -> None:
    (out / "broken.mp4").write_bytes(b"not finished")
    opened(looks, serve("review", out))
    looks.wait_for_selector("#timeline .span")
    assert faults(looks) == []
    looks.select_option("#filter", "failed")
    looks.click("#approve")
    looks.wait_for_selector("#said.bad")
    assert faults(looks) == []


def test_tab_goes_through_every_control_of_the_editor_in_the_order_of_the_page(
    serve: Serve, page: Any
) -> None:
    opened(page, serve("zone", "edit", SMALL, "--model", "none", "--seconds", "0.5"))
    names = "document.activeElement.id || document.activeElement.textContent"
    seen = []
    for _ in range(16):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(names))
    assert seen == [
        *("To the picture", "save", "done", "draw-polygon", "draw-hole"),
        *("zoom-out", "zoom-in", "hidden-view"),
        *("stage", "back", "scrub", "forth"),
        *seen[12:],
    ]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("#policy { color: #999; background: #fff }", "contrast"),
        ("#save { font-size: 0 } #save::after { content: '' }", "no name"),
        ("#done { min-height: 0; height: 12px; padding: 0 }", "small"),
        (":focus-visible { outline: none !important }", "focus"),
        ("main { min-width: 3000px }", "wider"),
    ],
)
def test_each_fault_would_be_found(serve: Serve, page: Any, style: str, said: str) -> None:
    opened(page, serve("zone", "edit", SMALL, "--model", "none", "--seconds", "0.5"))
    if said == "no name":
        page.evaluate("document.getElementById('save').textContent = ''")
    sheet = f"const s = new CSSStyleSheet(); s.replaceSync({json.dumps(style)});"
    page.evaluate(f"() => {{ {sheet} document.adoptedStyleSheets = [s]; }}")
    assert any(said in one for one in page.evaluate(FAULTS))
