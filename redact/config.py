"""Options: the API object = the TOML section = the one place of each default.

Strict: an unknown or misspelt key is an error that names its path, because a silently dropped
`polgon` in a privacy tool is a leak.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta, Struct, field

from redact.devices import CPU, PATTERN
from redact.errors import ConfigError
from redact.geometry import Zone

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]  # finite: TOML knows inf
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Device = Annotated[str, Meta(pattern=PATTERN)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_:.-]*$", max_length=64)]
LookBack = Annotated[int, Meta(ge=0, le=1000)]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section. Made in code, it is held to the same ranges as in a file, because
    `EffectOptions(cells=100)` would be a leak. Raises ConfigError."""

    def __post_init__(self) -> None:
        _check_fields(self)


def _check_fields(values: Struct) -> None:
    """Hold every field to its type and range: msgspec alone checks what it decodes."""
    for known in msgspec.structs.fields(values):
        try:
            msgspec.convert(getattr(values, known.name), known.type)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{type(values).__name__}.{known.name}: {error}") from error


class DetectorOptions(Section, frozen=True):
    """How models look for people.

    hide_score: a box at least this sure is hidden where it is not cleared; low on purpose.
    show_score: a box must be at least this sure to count as evidence for showing.
    long_side: network input, long side in pixels (rounded to the model's multiple).
    threads: inference threads; 1 leaves the other core to the codec. interval: seconds between
    two looks, 0 looks at every frame; frames between are covered by the looks around them and by
    the motion net. still_interval: the same while nothing moves and all who are there rest; at most
    half of the look-back is ever left without a look. closer: while nothing moves, parts of the
    picture are looked at closer, for far people and for those who are in doubt.
    """

    hide_score: Share = 0.12
    show_score: Share = 0.35
    face_score: Share = 0.3
    long_side: Annotated[int, Meta(ge=64, le=4096)] = 640
    threads: Positive = 1
    interval: Seconds = 0.0
    still_interval: Seconds = 0.5
    closer: bool = True


class Trust(Section, frozen=True):
    """How far a detector's word goes when it comes to showing somebody; all it finds is hidden.

    foot: by how much the lower edge of a person's box may be off, in shares of its height; feet
    that near to the outline count as beyond it. show: least score that counts as evidence for
    showing, where more than `[detector] show_score`. grey: in a picture without colours, such as
    infrared by night, no box is surer than this. thorough: it finds practically everyone who can be
    seen, also those who overlap others. Where it does not, whoever is lost gives way to nobody, and
    the outside is hidden whole while the motion net warms up, as without a model.
    """

    foot: Share = 0.0
    show: Share = 0.0
    grey: Share = 1.0
    thorough: bool = True

    def and_(self, other: Trust) -> Trust:
        """What both are good for."""
        return Trust(
            max(self.foot, other.foot),
            max(self.show, other.show),
            min(self.grey, other.grey),
            self.thorough and other.thorough,
        )


class MotionOptions(Section, frozen=True):
    """The motion net. enabled: off only for moving cameras.

    width: of the picture it works on, in pixels, at most. memory: seconds after which a thing
    that does not move at all becomes background. warmup: seconds of the outside hidden whole
    until the background is trusted, with a thorough person detector and without one (alone).
    """

    enabled: bool = True
    width: Annotated[int, Meta(ge=64, le=1920)] = 320
    memory: Seconds = 300.0
    warmup: Seconds = 0.0
    warmup_alone: Seconds = 10.0
    global_change: Share = 0.5


class TrackingOptions(Section, frozen=True):
    """coast: seconds for which a lost subject beyond the property stays hidden."""

    coast: Seconds = 1.5
    buffer: Annotated[float, Meta(ge=0, le=2)] = 0.4


class PolicyOptions(Section, frozen=True):
    """Who is hidden.

    proof: seconds of consistent evidence around a frame before a person on the property is
    shown. margin: how far inside the outline a foot must stand, in shares of the person's
    height. faces: "outside" or "all" (faces on the property are hidden too). outside:
    "people", or "all" to hide everything beyond the property except people on it.
    """

    proof: Seconds = 0.15
    margin: Annotated[float, Meta(ge=0, le=1)] = 0.0
    faces: Literal["outside", "all"] = "outside"
    outside: Literal["people", "all"] = "people"


class EffectOptions(Section, frozen=True):
    """How people are hidden.

    kind: blur, fill or erase. cells: at most this many cells of one colour across a person's
    shortest side. levels: grey levels per cell colour; more of either than by default let people
    be found again by the colours of their clothes (`benchmarks/attack.py`). hold: seconds for
    which a cell keeps its colour. grow: margin around a box, share of its size. colour: Y, U, V
    of `fill`.
    """

    kind: Literal["blur", "fill", "erase"] = "blur"
    cells: Annotated[int, Meta(ge=1, le=4)] = 2
    levels: Annotated[int, Meta(ge=2, le=64)] = 8
    hold: Seconds = 0.5
    grow: Annotated[float, Meta(ge=0, le=1)] = 0.1
    colour: tuple[Byte, Byte, Byte] = (96, 128, 128)


class InputOptions(Section, frozen=True):
    """decoder: pyav, or ffmpeg for the system's program (extra `[ffmpeg]`). hwaccel: of that
    program, such as vaapi or qsv; empty decodes without. sandbox: PyAV decodes files, objects of
    a store and pipes in a process of its own that can do nothing else (Linux)."""

    decoder: Literal["pyav", "ffmpeg"] = "pyav"
    hwaccel: Name = ""
    sandbox: bool = True


class OutputOptions(Section, frozen=True):
    """codec: h264 or h265. crf, preset: of x264/x265. audio: drop, keep, or mute-speech (extra
    `[speech]`), with `speech_model`: the path of silero-vad's .onnx; empty looks for its package.
    copy: H.264 pictures in which nothing is hidden may be copied as the camera coded them, where
    that is safe. encoder: one of the system's ffmpeg instead (extra `[ffmpeg]`), such as
    h264_vaapi, which takes `encoder_options` and copies nothing. Its name says the container."""

    codec: Literal["h264", "h265"] = "h264"
    preset: Literal[
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"
    ] = "superfast"
    crf: Annotated[int, Meta(ge=0, le=51)] = 23
    audio: Literal["drop", "keep", "mute-speech"] = "drop"
    speech_model: str = ""
    copy: bool = True
    encoder: Name = ""
    encoder_options: dict[Name, str] = field(default_factory=dict)


class SealOptions(Section, frozen=True):
    """Whether the original is kept, encrypted. to: public age keys (`age1...`), or paths of
    files that hold them; whoever has one of their secret keys can open it. Empty: not kept."""

    to: tuple[str, ...] = ()


class AuditOptions(Section, frozen=True):
    """log: path of the audit log that every run is entered in; empty = none is kept. who, why,
    basis: who acts, for what reason, on what legal ground, in free words, as stated."""

    log: str = ""
    who: str = ""
    why: str = ""
    basis: str = ""


EMBEDDED = Path("embedded")
"""Stands among `models` for the detector that ships with the package: the default."""


class ZoneSection(Section, frozen=True):
    """The property: inline polygons, or the path of a zone.json."""

    polygons: list[list[tuple[float, float]]] = field(default_factory=list)
    holes: list[list[tuple[float, float]]] = field(default_factory=list)
    file: str | None = None


class ZoneFile(Section, frozen=True):
    polygons: list[list[tuple[float, float]]]
    holes: list[list[tuple[float, float]]] = field(default_factory=list)


class HidingSections(Section, frozen=True, kw_only=True):
    """What files say of hiding, whatever it is for."""

    models: list[str] = field(default_factory=lambda: [str(EMBEDDED)])
    device: Device = CPU
    look_back: LookBack | None = None
    detector: DetectorOptions = DetectorOptions()
    motion: MotionOptions = MotionOptions()
    tracking: TrackingOptions = TrackingOptions()
    policy: PolicyOptions = PolicyOptions()
    effect: EffectOptions = EffectOptions()
    output: OutputOptions = OutputOptions()


class ConfigFile(HidingSections, frozen=True, kw_only=True):
    """The shape of `redact.toml`."""

    zone: ZoneSection | None = None
    input: InputOptions = InputOptions()
    seal: SealOptions = SealOptions()
    audit: AuditOptions = AuditOptions()


class Config(Struct, frozen=True, kw_only=True):
    """All that a run needs to know. `zone` has no default: without a property nobody may be
    shown, and that must be said (`Zone.nothing()`), not forgotten.

    models: paths of model files or model descriptions, or EMBEDDED, the default; empty = the
    motion net alone. device: what runs them, see `redact.devices`.
    look_back: frames that are held back so that a subject is hidden before it is first found.
    """

    zone: Zone
    models: tuple[Path, ...] = (EMBEDDED,)
    device: Device = CPU
    look_back: LookBack = 20
    input: InputOptions = InputOptions()
    detector: DetectorOptions = DetectorOptions()
    motion: MotionOptions = MotionOptions()
    tracking: TrackingOptions = TrackingOptions()
    policy: PolicyOptions = PolicyOptions()
    effect: EffectOptions = EffectOptions()
    output: OutputOptions = OutputOptions()
    seal: SealOptions = SealOptions()
    audit: AuditOptions = AuditOptions()

    def __post_init__(self) -> None:
        _check_fields(self)

    @property
    def digest(self) -> str:
        """sha256 over every option that changes the output, the zone included.

        Model *contents* are digested by the caller: a path says nothing of what lies there.
        """
        sections = ("input", "detector", "motion", "tracking", "policy", "effect", "output")
        names = ("look_back", *sections)
        plain: dict[str, Any] = {n: msgspec.to_builtins(getattr(self, n)) for n in names}
        del plain["output"]["speech_model"]
        del plain["detector"]["threads"]  # changes the time that a run takes, nothing else
        if self.device != CPU:  # other arithmetic, other boxes, if only by a hair
            plain["device"] = self.device
        plain["zone"] = self.zone.to_dict()
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the {what}: {error.strerror or error}") from error


def load_zone(path: str | Path) -> Zone:
    """Read a zone.json. Raises ConfigError."""
    path = Path(path)
    try:
        text = _read(path, "zone").decode("utf-8-sig")
        plain = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        raw = msgspec.convert(plain, ZoneFile)
    except ConfigError:
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f'{path}: not a zone file: {error}; expected {{"polygons": [[[x, y], ...], ...]}}'
        ) from error
    return Zone.of(raw.polygons, raw.holes, str(path))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. A key given twice would silently win over the first one."""
    plain = dict(pairs)
    if len(plain) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is given twice")
    return plain


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def load_config_file(path: str | Path) -> ConfigFile:
    """Read a redact.toml as it stands; `config_of` makes a Config of it.

    Raises ConfigError, naming the key, for anything unknown, misspelt or out of range.
    """
    path = Path(path)
    try:
        table = tomllib.loads(_read(path, "configuration").decode())
        return msgspec.convert(table, ConfigFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error


def zone_of(section: ZoneSection, where: Path) -> Zone:
    """The zone that a `[zone]` section means. Raises ConfigError."""
    if section.file is not None:
        if section.polygons or section.holes:
            raise ConfigError(f"{where}: zone: give either `file` or polygons, not both")
        return load_zone(where.parent / section.file)
    return Zone.of(section.polygons, section.holes, f"{where}: zone")


def models_of(named: Sequence[str], folder: Path = Path()) -> tuple[Path, ...]:
    """Paths of models as people name them: relative to a folder, the word embedded, or the word
    none alone. Raises ConfigError."""
    if "none" in named and len(named) > 1:
        raise ConfigError("models: none leaves no other model; give either")
    if "none" in named:
        return ()
    return tuple(EMBEDDED if name == str(EMBEDDED) else folder / name for name in named)


def config_of(file: ConfigFile, where: Path, zone: Zone | None = None) -> Config:
    """The configuration that a `redact.toml` at `where` means. Relative paths in it are taken
    from its own folder. zone: wins over the file's.

    Raises ConfigError, also when there is no zone at all: nobody may be shown by oversight.
    """
    if zone is None:
        if file.zone is None:
            raise ConfigError(
                "no property is given; name its outline with --zone zone.json or in [zone] of the "
                "configuration, or pass --everyone to hide everyone in the picture"
            )
        zone = zone_of(file.zone, where)
    given = {} if file.look_back is None else {"look_back": file.look_back}
    return Config(
        zone=zone,
        models=models_of(file.models, where.parent),
        device=file.device,
        input=file.input,
        detector=file.detector,
        motion=file.motion,
        tracking=file.tracking,
        policy=file.policy,
        effect=file.effect,
        output=_output_of(file.output, where),
        seal=SealOptions(to=tuple(_beside(where, to) for to in file.seal.to)),
        audit=msgspec.structs.replace(
            file.audit, log=str(where.parent / file.audit.log) if file.audit.log else ""
        ),
        **given,
    )


def _output_of(output: OutputOptions, where: Path) -> OutputOptions:
    model = output.speech_model and str(where.parent / output.speech_model)
    return msgspec.structs.replace(output, speech_model=model)


def _beside(where: Path, recipient: str) -> str:
    """A key as it is; the path of a file that holds keys, from the configuration's folder."""
    return recipient if recipient.startswith("age1") else str(where.parent / recipient)


def load_config(path: str | Path) -> Config:
    """Read a redact.toml that names its zone. Raises ConfigError."""
    return config_of(load_config_file(path), Path(path))
