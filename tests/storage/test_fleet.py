"""The arithmetic and the simulation behind docs/scaling.md."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from benchmarks.fleet import CELL, DAY, PEAK, Figures, plan, simulate
from benchmarks.schema import RESULTS

DOC = Path(__file__).parents[2] / "docs" / "scaling.md"


def test_the_plan_is_arithmetic_that_can_be_checked_by_hand() -> None:
    figures = Figures(
        cpu_ms=100.0, fps=10.0, active=0.1, mbit=8.0, clip_s=60.0, load=0.5, card_looks=1000.0
    )
    row = plan(1000, figures)
    assert row["cores_mean"] == pytest.approx(1000 * 0.1 * 10 * 0.1)
    assert row["cores"] == pytest.approx(100 * PEAK / 0.5, abs=1)
    assert row["clips_per_day"] == round(1000 * DAY * 0.1 / 60)
    assert row["tb_kept"] == pytest.approx(1000 * 0.1 * 86.4 * 30 / 1000, rel=0.01)
    assert row["cards"] == 4  # 1000 looks a second on the mean, 3800 with the load planned for
    parts = sum(row[f"dollars_{name}"] for name in ("cores", "calls", "storage"))
    assert row["dollars_per_camera_day"] == pytest.approx(parts, abs=2e-5)


def test_fleets_are_multiples_of_cells() -> None:
    one, many = plan(CELL, Figures()), plan(100 * CELL, Figures())
    assert (many["cores"], many["nodes"]) == (100 * one["cores"], 100 * one["nodes"])
    assert many["cells"] == 100
    assert many["cores_mean"] == pytest.approx(100 * one["cores_mean"], rel=1e-3)
    with pytest.raises(ValueError, match="a cell holds"):
        simulate(CELL + 1, Figures(), 1)


def test_a_day_of_a_cell_is_the_same_for_the_same_seed_and_keeps_up() -> None:
    first = simulate(CELL, Figures(), 1)
    assert first == simulate(CELL, Figures(), 1)
    assert first != simulate(CELL, Figures(), 2)
    assert first["clips"] == pytest.approx(plan(CELL, Figures())["clips_per_day"], rel=0.02)
    assert first["delay_p99_s"] < 60


def test_too_few_cores_and_dying_nodes_show_as_delay_and_repeated_work() -> None:
    tight = simulate(CELL, dataclasses.replace(Figures(), load=1.3), 1)
    assert tight["delay_p99_s"] > 600
    frail = simulate(CELL, dataclasses.replace(Figures(), node_mtbf_h=1.0), 1)
    assert frail["clips_run_again"] > 100
    assert frail["delay_p99_s"] < 600


@pytest.mark.parametrize("cameras", [1, 100, 100_000])
def test_the_document_says_what_the_arithmetic_gives(cameras: int) -> None:
    row = plan(cameras, Figures())
    table = next(
        line for line in DOC.read_text().splitlines() if line.startswith(f"| {cameras:,} |")
    )
    numbers = [float(n.replace(",", "")) for n in re.findall(r"[\d][\d,]*\.?\d*", table)]
    wanted = ("cameras", "cores_mean", "cores", "gbit_in_peak", "tb_kept", "dollars_per_camera_day")
    assert numbers == [pytest.approx(row[name], rel=0.01) for name in wanted]


def test_the_figures_are_those_of_the_benchmark_of_whole_runs() -> None:
    """Measured anew, the plan follows."""
    newest = max(RESULTS.glob("pipeline-*.json"))
    rows = {
        row["name"]: row["cpu_ms"]["median"]
        for row in json.loads(newest.read_text())["rows"]
        if row["clip"] == "busy"
    }
    assert Figures().cpu_ms == pytest.approx(rows["redact run"], rel=0.1)
    model = rows["redact run"] - rows["redact run --model none"]
    assert Figures().model_ms == pytest.approx(model, rel=0.25)
