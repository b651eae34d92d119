"""What the documents say is so: commands, options, keys, defaults, figures and links."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
import pytest

import redact
from redact import errors
from redact.cli import cli
from redact.config import Config, ConfigFile, load_zone
from redact.detectors.families import FAMILIES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "samples").rglob("README.md")),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every call of `redact` in the shell blocks, program name left out."""
    lines = [part for block in blocks("sh") for line in block.splitlines() for part in split(line)]
    return [words[1:] for words in lines if words and Path(words[0]).name == "redact"]


def split(line: str) -> list[list[str]]:
    return [shlex.split(part) for part in line.split("&&")]


def parse(words: list[str]) -> click.Context:
    """As the command line does, without running. Raises click.UsageError."""
    command: click.Command = cli
    context, words = click.Context(cli, info_name="redact"), list(words)
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no command {name}")
        command, context = found, click.Context(found, parent=context, info_name=name)
    return command.make_context(command.name, words, parent=context.parent)


def all_options(command: click.Command = cli) -> set[str]:
    params = command.get_params(click.Context(command))
    options = {name for p in params for name in (*p.opts, *p.secondary_opts)}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            options |= all_options(below)
    return options


# -- commands -------------------------------------------------------------------------------


def test_the_readme_shows_every_command() -> None:
    shown = {words[0] for words in commands()}
    assert shown == set(cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_of_the_readme_parses(words: list[str]) -> None:
    parse(words)


@pytest.mark.parametrize("line", ["run a.mp4 -o b.mp4 --zonne z.json", "walk a.mp4", "run a.mp4"])
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line.split())


def test_every_option_that_a_document_names_exists() -> None:
    known = all_options()
    for document in (ROOT / "README.md", ROOT / "CHANGELOG.md"):
        text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
        code = [
            part for part in re.findall(r"`([^`]+)`", text) if part.startswith(("--", "redact"))
        ]
        named = {word for part in code for word in part.split() if word.startswith("--")}
        assert named <= known, document.name


def test_the_readme_opens_with_two_commands() -> None:
    install, test = (block.strip() for block in blocks("sh")[:2])
    assert "\n" not in install
    assert "\n" not in test
    assert split(install)[0] == ["python3", "-m", "venv", ".venv"]
    run = parse(split(install)[-1][1:]).params
    assert all((ROOT / path).is_file() for path in (*run["inputs"], run["zone"]))
    assert run["model"] == ()
    assert split(test)[-1] == [".venv/bin/pytest"]


def test_the_gate_runs_the_readme_s_test_command() -> None:
    gate = (ROOT / ".ci" / "run").read_text()
    assert "install --quiet '.[dev]'" in gate
    assert gate.rstrip().endswith('"$VENV/bin/pytest"')


# -- configuration --------------------------------------------------------------------------


def defaults() -> dict[str, Any]:
    """`section.key` -> default, of all that is no path."""
    config = Config(zone=redact.Zone.nothing())
    found: dict[str, Any] = {"look_back": config.look_back}
    for section in ("source", "detector", "motion", "tracking", "policy", "effect", "output"):
        options = msgspec.to_builtins(getattr(config, section))
        found |= {f"{section}.{key}": value for key, value in options.items()}
    return found


def test_the_table_of_keys_is_complete_and_tells_the_defaults() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| `([^`]+)` \|", README, re.MULTILINE)
    told = {key: tomllib.loads(f"value = {value}")["value"] for key, value in rows}
    assert told == json.loads(json.dumps(defaults()))


def test_the_example_configuration_is_valid() -> None:
    (text,) = blocks("toml")
    file = msgspec.convert(tomllib.loads(text), ConfigFile)
    assert file.effect.kind == "fill"


def test_the_example_zone_is_valid(tmp_path: Path) -> None:
    (text,) = blocks("json")
    (tmp_path / "zone.json").write_text(text)
    assert 0 < load_zone(tmp_path / "zone.json").area < 1


def test_every_exit_code_is_told() -> None:
    known = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.RedactError)
    }
    table = README.split("| exit code |")[1].split("\n\n")[0]
    told = {
        int(n) for cell in re.findall(r"^\| ([\d, ]+) \|", table, re.M) for n in cell.split(",")
    }
    assert told == known | {0, 130, 143, 129}


def test_every_family_of_models_is_named() -> None:
    families = README.split("Families:")[1].split("\n\n")[0]
    assert set(re.findall(r"`([^`]+)`", families)) == set(FAMILIES)


# -- Python ---------------------------------------------------------------------------------


def make_clip(path: Path) -> None:
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, width=64, height=48)
        for index in range(30):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), 90, np.uint8), format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


def test_the_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from redact.sources import PyAVSource

    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "camera.mp4")
    (tmp_path / "zone.json").write_text(blocks("json")[0])
    whole, by_frame = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(whole, "README.md", "exec"), names)
    assert (tmp_path / "redacted.mp4").is_file()
    assert names["report"].frames == 30
    shown: list[redact.RedactedFrame] = []
    source = PyAVSource(tmp_path / "camera.mp4")
    try:
        exec(
            compile(by_frame, "README.md", "exec"), names | {"source": source, "show": shown.append}
        )
    finally:
        source.close()
    assert [frame.index for frame in shown] == list(range(30))


# -- figures, links, versions ---------------------------------------------------------------


def test_the_figures_of_the_runtimes_are_those_measured() -> None:
    link = re.search(r"benchmarks/results/runtimes-[\d-]+\.json", README)
    assert link is not None
    measured: dict[tuple[str, str], list[str]] = {}
    for row in json.loads((ROOT / link[0]).read_text())["rows"]:
        key = row["network"], f"{row['width']}x{row['height']}"
        measured.setdefault(key, []).append(f"{row['median_ms']:.1f}")
    rows = re.findall(r"^ *\| ([\w-]+), (\d+x\d+) \| ([^|]+) \| ([^|]+) \|", README, re.MULTILINE)
    told = {(net, size): re.findall(r"\d+\.\d", f"{a} {b}") for net, size, a, b in rows}
    assert told == measured


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if not re.match(r"https?://|mailto:", target):
            assert (document.parent / target.partition("#")[0]).exists(), target


def test_every_file_that_a_document_names_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for name in re.findall(r"`((?:[\w-]+/)*[\w-]+(?:\.py|\.toml|/))`", text):
        if name != "redact.toml":
            assert (ROOT / name).exists() or (ROOT / "redact" / name).exists(), name


def test_the_changelog_names_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    latest = re.search(
        r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d|unreleased)$", text, re.MULTILINE
    )
    assert latest is not None
    assert latest[1] == redact.__version__


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_a_machine_s_own_path(document: Path) -> None:
    found = re.findall(r"(?<![\w.)])/(?:home|root|tmp|work|Users|mnt)/\S*", document.read_text())
    assert found == []
