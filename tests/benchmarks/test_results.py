"""A result is whole, sound and of this suite, or it is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from sound_results import detect, pipeline

from benchmarks import report
from benchmarks.schema import BenchmarkError, Spread, read, write


def bent(tmp_path: Path, change: Any) -> Path:
    plain = json.loads((written(tmp_path)).read_text())
    change(plain)
    path = tmp_path / "bent.json"
    path.write_text(json.dumps(plain))
    return path


def written(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.json"
    write(path, pipeline())
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    for result in (pipeline(), detect()):
        path = tmp_path / "deep" / "result.json"
        write(path, result)
        assert read(path) == result
        assert [p.name for p in path.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.pop("machine"), "machine"),
        (lambda r: r.pop("command"), "command"),
        (lambda r: r.update(date="yesterday"), "date"),
        (lambda r: r.update(extra=1), "extra"),
        (lambda r: r.update(benchmark="speed"), "speed"),
        (lambda r: r.update(schema=2), "schema"),
        (lambda r: r["rows"][0].pop("leak"), "leak"),
        (lambda r: r["rows"][0]["fps"].update(n=0), "n"),
        (lambda r: r["rows"][0]["fps"].update(median=-1), "median"),
        (lambda r: r["rows"][0]["fps"].update(median=math.nan), "JSON|number|invalid"),
    ],
)
def test_a_result_that_is_not_sound_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        read(bent(tmp_path, change))


def test_a_speed_without_its_leak_rate_cannot_even_be_made(tmp_path: Path) -> None:
    from benchmarks.schema import Run

    assert "leak" in Run.__struct_fields__
    with pytest.raises(BenchmarkError, match="leak"):
        read(bent(tmp_path, lambda r: r["rows"][1].update(leak=None)))


def test_what_would_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    import msgspec

    path = tmp_path / "result.json"
    with pytest.raises(BenchmarkError, match="date"):
        write(path, msgspec.structs.replace(pipeline(), date="2026"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("speed: high")
    for name in ("text.json", "absent.json"):
        with pytest.raises(BenchmarkError, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize("values", [[], [1.0, math.inf], [math.nan]])
def test_there_is_no_spread_of_nothing(values: list[float]) -> None:
    with pytest.raises(BenchmarkError):
        Spread.of(values)


def test_a_spread_is_the_middle_and_the_tenths() -> None:
    assert Spread.of([3, 1, 2]) == Spread(median=2, low=1, high=3, n=3)
    many = Spread.of([float(i) for i in range(101)])
    assert (many.median, round(many.low), round(many.high)) == (50, 9, 91)


def test_every_committed_result_is_sound_and_none_is_quick() -> None:
    assert report.newest(report.committed())
