"""Options that commands share, and what they make of a configuration: flags override the file.

No default stands here; they live in `redact.config` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import click
import msgspec

from redact.config import (
    Config,
    ConfigFile,
    EffectOptions,
    InputOptions,
    OutputOptions,
    PolicyOptions,
    config_of,
    load_config_file,
    load_zone,
    models_of,
    zone_of,
)
from redact.errors import ConfigError
from redact.geometry import Zone
from redact.storage import Place, place_of

Command = TypeVar("Command", bound=Callable[..., Any])


class _PathType(click.Path):
    """A path of this machine; an address would silently become one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value.startswith("s3://"):
            raise ConfigError(f"{value}: buckets are read and written by `redact run` alone")
        return super().convert(value, param, ctx)


PATH = _PathType(path_type=Path)


class _PlaceType(click.ParamType[Place]):
    """A path, or an `s3://` address, which a path would spoil."""

    name = "place"

    def convert(
        self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None
    ) -> Place:
        return place_of(value)


PLACE = _PlaceType()
_NO_FILE = Path("redact.toml")  # nothing is read: only its folder counts


def _choice(section: type, key: str) -> click.Choice[str]:
    return click.Choice(get_args(get_type_hints(section)[key]))


# flag: (section of the file, key in it); the parameter is the flag without its dashes
_TARGETS = {
    "--look-back": ("", "look_back"),
    "--device": ("", "device"),
    "--sandbox": ("input", "sandbox"),
    "--long-side": ("detector", "long_side"),
    "--faces": ("policy", "faces"),
    "--outside": ("policy", "outside"),
    "--effect": ("effect", "kind"),
    "--decoder": ("input", "decoder"),
    "--hwaccel": ("input", "hwaccel"),
    "--encoder": ("output", "encoder"),
    "--audio": ("output", "audio"),
    "--codec": ("output", "codec"),
    "--crf": ("output", "crf"),
    "--preset": ("output", "preset"),
    "--copy": ("output", "copy"),
    "--seal-to": ("seal", "to"),
    "--audit": ("audit", "log"),
    "--who": ("audit", "who"),
    "--why": ("audit", "why"),
    "--basis": ("audit", "basis"),
}
_HIDING_OPTIONS = (
    click.option("--zone", type=PATH, metavar="FILE", help="The property: a zone.json."),
    click.option("--everyone", is_flag=True, help="There is no property: hide everyone."),
    click.option("--config", type=PATH, metavar="FILE", help="A redact.toml."),
    click.option(
        "--model",
        type=PATH,
        multiple=True,
        metavar="FILE",
        help="A detector instead of the embedded one: .toml, .onnx, .xml or .pt. May be repeated. "
        "The word none: motion alone.",
    ),
    click.option("--effect", type=_choice(EffectOptions, "kind"), help="How people are hidden."),
    click.option(
        "--faces",
        type=_choice(PolicyOptions, "faces"),
        help="all: hide faces on the property too.",
    ),
    click.option(
        "--outside",
        type=_choice(PolicyOptions, "outside"),
        help="all: hide everything beyond the property.",
    ),
    click.option("--look-back", type=int, metavar="N", help="Frames held back."),
    click.option("--long-side", type=int, metavar="N", help="Long side of the model's picture."),
    click.option("--device", metavar="NAME", help="What runs the models: cpu, or cuda:0."),
)
_FILE_OPTIONS = (
    click.option(
        "--decoder", type=_choice(InputOptions, "decoder"), help="ffmpeg: the system's program."
    ),
    click.option("--hwaccel", metavar="NAME", help="Of that program: vaapi, qsv, ..."),
    click.option("--encoder", metavar="NAME", help="One of that program, such as h264_vaapi."),
    click.option(
        "--sandbox/--no-sandbox",
        default=None,
        help="Whether files are decoded in a process that can do nothing else.",
    ),
    click.option(
        "--audio",
        type=_choice(OutputOptions, "audio"),
        help="Whether sound stays. mute-speech: all but what sounds like speech.",
    ),
    click.option("--codec", type=_choice(OutputOptions, "codec")),
    click.option("--crf", type=int, metavar="N", help="Quality, 0 (best) to 51."),
    click.option("--preset", type=_choice(OutputOptions, "preset"), help="Speed of encoding."),
    click.option(
        "--copy/--no-copy",
        default=None,
        help="Whether H.264 pictures without anything to hide may stay as the camera coded them.",
    ),
    click.option(
        "--seal-to",
        multiple=True,
        metavar="KEY",
        help="Keep the original too, encrypted to this public key (age1... or a file of them). "
        "May be repeated.",
    ),
    click.option("--audit", type=PATH, metavar="LOG", help="Enter the run in this audit log."),
    click.option("--who", metavar="TEXT", help="For the log: who does it."),
    click.option("--why", metavar="TEXT", help="For the log: why."),
    click.option("--basis", metavar="TEXT", help="For the log: the legal ground."),
)


def config_options(command: Command) -> Command:
    """The options that `make_config` reads."""
    return hiding_options(_with(command, _FILE_OPTIONS))


def hiding_options(command: Command) -> Command:
    """Those of them that say who is hidden and how, for commands that write no files."""
    return _with(command, _HIDING_OPTIONS)


def _with(command: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def editing_options(command: Command) -> Command:
    """Those of `hiding_options` but the property, for commands that make one."""
    return _with(command, _HIDING_OPTIONS[2:])


def make_config(
    *,
    zone: Path | None,
    everyone: bool,
    config: Path | None,
    model: tuple[Path, ...],
    **flags: Any,
) -> Config:
    """What the flags and the file say together. Raises ConfigError.

    flags: the parameters of `_TARGETS`, None where not given.
    """
    file = load_config_file(config) if config is not None else ConfigFile()
    merged = _with_flags(file, flags)
    property_ = _property(zone, everyone, merged, config)
    made = config_of(merged, config or _NO_FILE, property_)
    named = models_of([str(path) for path in model])
    return msgspec.structs.replace(made, models=named) if model else made


def _with_flags(file: ConfigFile, flags: dict[str, Any]) -> ConfigFile:
    for flag, (section, key) in _TARGETS.items():
        value = flags.get(flag[2:].replace("-", "_"))
        if value is None or value == ():
            continue
        if isinstance(value, tuple | Path):  # paths of flags are from where the user is
            value = _from_here(value)
        tree = msgspec.to_builtins(file)
        (tree[section] if section else tree)[key] = value
        try:
            file = msgspec.convert(tree, ConfigFile)
        except msgspec.ValidationError as error:
            said = str(error).partition(" - at ")[0].replace("`", "")
            said = said[:1].lower() + said[1:]
            raise ConfigError(f"{flag} {value}: {said}") from error
    return file


def _from_here(value: tuple[str, ...] | Path) -> list[str] | str:
    """So that the folder of a configuration file is not put before it."""
    if isinstance(value, Path):
        return str(value.absolute())
    return [v if v.startswith("age1") else str(Path(v).absolute()) for v in value]


def _property(zone: Path | None, everyone: bool, file: ConfigFile, where: Path | None) -> Zone:
    if zone is not None and everyone:
        raise ConfigError("--zone and --everyone exclude each other; give one of them")
    if everyone:
        return Zone.nothing()
    if zone is not None:
        return load_zone(zone)
    if file.zone is not None and where is not None:
        return zone_of(file.zone, where)
    raise ConfigError(
        "no property is given: pass --zone zone.json (its outline), or --everyone to hide "
        "everyone in the picture"
    )
