"""`relay.toml` is as strict as `redact.toml`, and no message tells an address or a password."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from redact.errors import ConfigError
from redact.relay import load_relay_config
from redact.relay.options import shown

ROOT = Path(__file__).resolve().parents[2]
CAMERA = 'outputs = [{ kind = "segments", folder = "out" }]\n'
TWICE = 'outputs = [{{ kind = "{0}", folder = "o" }}, {{ kind = "{0}", folder = "./o" }}]'


def load(folder: Path, text: str) -> object:
    (folder / "relay.toml").write_text(text)
    return load_relay_config(folder / "relay.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cameras"),
        ("[cameras]", "no camera"),
        (f'[cameras.a]\nurl = "x.mp4"\n{CAMERA}', "everyone = true"),
        (f'[cameras.a]\nurl = "x.mp4"\nzone = "z.json"\neveryone = true\n{CAMERA}', "either"),
        ('[cameras.a]\nurl = "x.mp4"\neveryone = true', "has no outputs"),
        (f"[cameras.a]\neveryone = true\n{CAMERA}", "url or url_file"),
        (f'[cameras.a]\nurl = "x"\neveryon = true\n{CAMERA}', "everyon"),
        (f'[cameras.a]\nurl = "ftp://u:hush@h/x"\neveryone = true\n{CAMERA}', "inputs are rtsp"),
        (f'[cameras."a/b"]\nurl = "x"\neveryone = true\n{CAMERA}', "names are letters"),
        (f'[cameras.a]\nurl = "rtsp://u:${{NOT_SET_1}}@h"\neveryone = true\n{CAMERA}', "NOT_SET_1"),
        (f'[cameras.a]\nurl = "x"\neveryone = true\noverload = "pass"\n{CAMERA}', "overload"),
        (f'[output]\naudio = "keep"\n[cameras.a]\nurl = "x"\neveryone = true\n{CAMERA}', "sound"),
        ('[cameras.a]\nurl = "x"\neveryone = true\noutputs = [{ kind = "disc" }]', "disc"),
        (f'[cameras.a]\nurl = "x"\neveryone = true\n{TWICE.format("hls")}', "live.m3u8"),
        (f'[cameras.a]\nurl = "x"\neveryone = true\n{TWICE.format("clips")}', "a-person"),
        (f'[cameras.a]\nurl = "x"\neveryone = true\n{TWICE.format("segments")}', "two outputs"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    assert said in str(raised.value)
    assert "hush" not in str(raised.value)


def test_passwords_come_from_the_environment_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONT", "hush")
    url = "rtsp://user:${FRONT}@camera.example/stream?token=abc"
    config = load_relay_config_of(tmp_path, url)
    camera = config.cameras[0]  # type: ignore[attr-defined]
    assert camera.url == "rtsp://user:hush@camera.example/stream?token=abc"
    assert "hush" not in repr(camera)
    assert shown(camera.url) == "rtsp://camera.example/stream"


def load_relay_config_of(folder: Path, url: str) -> object:
    return load(folder, f'[cameras.front]\nurl = "{url}"\neveryone = true\n{CAMERA}')


def test_an_address_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("rtsp://camera.example/1\n")
    config = load(tmp_path, f'[cameras.a]\nurl_file = "url"\neveryone = true\n{CAMERA}')
    assert config.cameras[0].url == "rtsp://camera.example/1"  # type: ignore[attr-defined]


@pytest.mark.parametrize("example", sorted((ROOT / "samples" / "relay").glob("*.toml")))
def test_the_examples_are_sound(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONT_PASSWORD", "hush")
    monkeypatch.setenv("MQTT_PASSWORD", "hush")
    command = [sys.executable, "-m", "redact", "relay", "--check", str(example)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stderr
    assert "look-back" in done.stderr


def test_a_camera_that_nobody_could_be_found_on_is_refused_before_it_is_opened(
    tmp_path: Path,
) -> None:
    (tmp_path / "relay.toml").write_text(
        f'models = []\n[motion]\nenabled = false\n[cameras.a]\nurl = "x"\neveryone = true\n{CAMERA}'
    )
    command = [sys.executable, "-m", "redact", "relay", str(tmp_path / "relay.toml")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode not in (0, 1)
    assert "no model finds people" in ran.stderr
    assert not (tmp_path / "out").exists()
