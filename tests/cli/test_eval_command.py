"""`redact eval`: a table for people, JSON for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from redact.cli import cli

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CLIP = str(SAMPLES / "driveway_small.mp4")
TRUTH = ("--truth", str(SAMPLES / "driveway_small.gt.csv"))
ZONE = ("--zone", str(SAMPLES / "driveway_small.zone.json"))


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, ["eval", *words])


def test_a_clip_that_is_not_redacted_leaks_all(tmp_path):
    """The clip against itself: whoever is outside is seen, nobody inside is hidden."""
    result = call(CLIP, CLIP, *TRUTH, *ZONE, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["frames"] == 240
    assert found["leaked_percent"] > 99
    assert found["hidden_percent"] == 0
    assert (result.stderr, str(tmp_path) in result.stdout) == ("", False)


def test_the_table_names_the_tracks_that_leak():
    result = call(CLIP, CLIP, *TRUTH, *ZONE)
    assert result.exit_code == 0
    assert "longest leak" in result.stdout
    assert "track" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([CLIP, CLIP], 2, "--truth"),
        ([CLIP, *TRUTH, *ZONE], 2, "REDACTED"),
        ([CLIP, "no.mp4", *TRUTH, *ZONE], 5, "no such file"),
        (["no.mp4", CLIP, *TRUTH, *ZONE], 5, "no such file"),
        ([CLIP, CLIP, "--truth", "no.csv", *ZONE], 2, "No such file"),
        ([CLIP, CLIP, "--truth", ZONE[1], *ZONE], 2, "the first line must name"),
        ([CLIP, CLIP, *TRUTH, "--zone", TRUTH[1]], 2, "not a zone file"),
    ],
)
def test_a_mistake_is_one_line(words, code, said):
    result = call(*words)
    assert result.exit_code == code, result.stderr
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
