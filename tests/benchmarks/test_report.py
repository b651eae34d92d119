"""Documents show the committed results, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from sound_results import LEAK, detect, leaks, pipeline

from benchmarks import plots, report, tables
from benchmarks.schema import BenchmarkError, Leaking, write


def test_the_tables_of_the_documents_are_those_of_the_committed_results() -> None:
    results = report.newest(report.committed())
    for path in report.DOCUMENTS:
        made = report.filled(path.read_text(), results, report.way(path))
        assert made == path.read_text(), f"{path.name}: run `python -m benchmarks report`"


def test_every_plot_that_a_document_shows_is_there() -> None:
    results = report.newest(report.committed())
    for key, result in results.items():
        assert not plots.drawn(result) or (report.PLOTS / plots.name(key)).exists()
    for path in report.DOCUMENTS:
        said = report.filled(
            "<!-- benchmarks:pipeline -->\n<!-- /benchmarks:pipeline -->\n",
            {"pipeline": pipeline()},
            report.way(path),
        )
        link = re.search(r"\]\((.+)/benchmarks-pipeline.svg\)", said)
        assert link is not None
        assert (path.parent / link[1]).resolve() == report.PLOTS.resolve()


def test_every_committed_result_has_a_place_in_a_document() -> None:
    text = "".join(path.read_text() for path in report.DOCUMENTS)
    for key in report.newest(report.committed()):
        assert f"<!-- benchmarks:{key} -->" in text


def test_a_table_tells_speed_leak_machine_date_command_and_who_was_absent() -> None:
    said = tables.render(pipeline())
    for word in ("0.80 (0.72-0.88)", "4 of 1000 (0.40 %)", "30 of 300 (10 %)", "a processor"):
        assert word in said
    for word in ("2026-01-02", "`python -m benchmarks pipeline`", "deface (no --peers-venv"):
        assert word in said


def test_a_roofline_tells_what_bounds_and_how_much_is_reached() -> None:
    # 120 operations per byte x 10 GB/s is above 200 GFLOP/s; 1.2 GFLOP in 10 ms are 120 GFLOP/s
    assert "| 200 (200 GFLOP/s, 10.0 GB/s) | arithmetic | 60 % |" in tables.render(detect())
    (roof,) = detect().roofline
    slow = msgspec.structs.replace(roof, ceiling_gbytes=1)
    assert (slow.bound, round(slow.attainable), round(slow.reached)) == ("memory", 120, 120)


def test_columns_that_no_row_fills_are_left_out() -> None:
    plain = Leaking(config="embedded", clip="street", leak=LEAK)
    masked = msgspec.structs.replace(
        LEAK, well_inside=250, well_inside_hidden=5, outlined=400, shown=8, longest_shown=0.3
    )
    head = "| models | clip | leaked | longest, s | wrongly hidden |"
    assert f"{head}\n" in tables.render(leaks([plain]))
    both = tables.render(leaks([plain, Leaking(config="embedded", clip="drive", leak=masked)]))
    assert f"{head} hidden well inside | shown by exact masks |\n" in both
    assert "| 30 of 300 (10 %) |  |  |\n" in both
    assert "| 30 of 300 (10 %) | 5 of 250 (2.00 %) | 8 of 400 (2.00 %) |\n" in both


def test_only_what_is_between_the_marks_changes() -> None:
    text = "a\n  <!-- benchmarks:pipeline -->\n  old\n  <!-- /benchmarks:pipeline -->\nz\n"
    made = report.filled(text, {"pipeline": pipeline()})
    assert made.startswith("a\n  <!-- benchmarks:pipeline -->\n  | clip |")
    assert made.endswith("  <!-- /benchmarks:pipeline -->\nz\n")
    assert "old" not in made
    assert report.filled(made, {"pipeline": pipeline()}) == made
    assert "Not measured yet." in report.filled(made, {})


@pytest.mark.parametrize(
    "end", ["", "<!-- /benchmarks:leak -->\n", "<!-- benchmarks:pipeline -->\n"]
)
def test_a_place_that_is_not_closed_is_an_error(end: str) -> None:
    with pytest.raises(BenchmarkError, match="not closed"):
        report.filled(f"<!-- benchmarks:pipeline -->\nold\n{end}", {})


def test_the_newest_result_is_shown_and_a_card_has_its_own_place(tmp_path: Path) -> None:
    card = msgspec.structs.replace(
        pipeline(), machine=msgspec.structs.replace(pipeline().machine, device="cuda:0: a card")
    )
    paths = []
    for name, result in {
        "a": pipeline("2026-02-01"),
        "b": pipeline("2026-01-01"),
        "c": card,
    }.items():
        paths.append(tmp_path / f"{name}.json")
        write(paths[-1], result)
    found = report.newest(paths)
    assert {key: result.date for key, result in found.items()} == {
        "pipeline": "2026-02-01",
        "pipeline-cuda": "2026-01-02",
    }


def test_a_quick_run_is_never_shown(tmp_path: Path) -> None:
    write(tmp_path / "quick.json", pipeline(quick=True))
    with pytest.raises(BenchmarkError, match="quick"):
        report.newest([tmp_path / "quick.json"])


def test_plots_are_the_same_for_the_same_result(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = {"pipeline": pipeline(), "detect": detect()}
    first = plots.draw(results, tmp_path / "one")
    second = plots.draw(results, tmp_path / "two")
    assert [p.name for p in first] == ["benchmarks-pipeline.svg", "benchmarks-detect.svg"]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert one.read_bytes().lstrip().startswith(b"<?xml")
