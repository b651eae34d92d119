"""Model descriptions: what a model file is, how to feed it, and under which licence.

    name = "YOLOX-Nano, COCO"
    file = "yolox_nano_coco_416.onnx"      # beside the description
    family = "yolox"
    licence = "Apache-2.0"
    sha256 = "e8af..."                     # 64 digits; of the .xml, with bin_sha256 for its .bin

    [labels]
    person = 0

    [input]
    size = [416, 416]                      # height, width; leave out where the model is free
    colour = "bgr"
    std = [1, 1, 1]

Strict: an unknown key, a missing digest or a file of another digest is an error.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from redact.config import Section, Share, Trust
from redact.detectors.families import FAMILIES
from redact.detectors.suppression import Suppression
from redact.errors import ConfigError, ModelError
from redact.structures import Label

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Side = Annotated[int, Meta(ge=32, le=8192)]
Byte = Annotated[int, Meta(ge=0, le=255)]
ClassIndex = Annotated[int, Meta(ge=0)]
LabelName = Literal["person", "face"]
Triple = tuple[float, float, float]

UNVERIFIED = "unverified"


class InputDescription(Section, frozen=True):
    """How to make a model's picture from a frame.

    size: fixed (height, width), or None for a model that takes any multiple of `multiple`.
    long_side: of the picture, where this model needs another than `[detector] long_side`.
    mean, std: in 0..255, per channel in the order of `colour`: (value - mean) / std.
    resize: letterbox keeps the aspect and fills with `pad`; stretch does not.
    """

    size: tuple[Side, Side] | None = None
    multiple: Annotated[int, Meta(ge=1, le=256)] = 32
    long_side: Side | None = None
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (255.0, 255.0, 255.0)
    resize: Literal["letterbox", "stretch"] = "letterbox"
    pad: Byte = 114


class Thresholds(Section, frozen=True):
    """person, face: least scores of this model; where given they win over those of `[detector]`."""

    person: Share | None = None
    face: Share | None = None


class ModelDescription(Section, frozen=True):
    """One model. labels: our name -> class index or indices of the model."""

    name: str
    file: str
    family: str
    licence: str
    sha256: Digest
    labels: dict[LabelName, ClassIndex | list[ClassIndex]]
    bin_sha256: Digest | None = None
    input: InputDescription = field(default_factory=InputDescription)
    thresholds: Thresholds = field(default_factory=Thresholds)
    suppression: Suppression = field(default_factory=Suppression)
    trust: Trust = field(default_factory=Trust)

    @property
    def classes(self) -> dict[Label, tuple[int, ...]]:
        """Class indices of each label."""
        return {
            Label[name.upper()]: (index,) if isinstance(index, int) else tuple(index)
            for name, index in self.labels.items()
        }


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a report says of a model. sha256 is of the bytes that run; of several, joined by +."""

    name: str
    family: str
    licence: str
    sha256: str
    verified: bool
    labels: tuple[str, ...]
    input: str


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The bytes of a model: exactly those that were digested go to the runtime."""

    graph: bytes
    weights: bytes = b""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.graph).hexdigest()

    @property
    def bin_sha256(self) -> str | None:
        return hashlib.sha256(self.weights).hexdigest() if self.weights else None


def load_description(path: str | Path) -> ModelDescription:
    """Read a model description; its `file` becomes a path from the description's own folder.

    Raises ConfigError, naming the key, for anything unknown, misspelt, missing or out of range.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        description = msgspec.convert(table, ModelDescription)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the model description: {error.strerror or error}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: not a model description: {error}") from error
    _check(description, path)
    return msgspec.structs.replace(description, file=str(path.parent / description.file))


def _check(description: ModelDescription, path: Path) -> None:
    """What types alone do not say."""
    suffix = Path(description.file).suffix.lower()
    if suffix not in (".onnx", ".xml"):
        raise ConfigError(f"{path}: file: {description.file} is neither .onnx nor .xml")
    if description.family not in FAMILIES:
        raise ConfigError(
            f"{path}: family: {description.family!r} is unknown; one of {', '.join(FAMILIES)}"
        )
    if not any(description.classes.values()):
        raise ConfigError(f"{path}: labels: name at least one class, such as `person = 0`")
    if 0 in description.input.std:
        raise ConfigError(f"{path}: input.std: must not hold 0")
    if (suffix == ".xml") != (description.bin_sha256 is not None):
        raise ConfigError(
            f"{path}: bin_sha256: needed for a .xml (digest of the .bin beside it), only there"
        )


def read_files(path: str | Path) -> ModelFiles:
    """Read a .onnx, or a .xml and the .bin beside it. Raises ModelError."""
    path = Path(path)
    return ModelFiles(
        _read(path), _read(path.with_suffix(".bin")) if path.suffix.lower() == ".xml" else b""
    )


def read_verified(description: ModelDescription) -> ModelFiles:
    """Read the files of a description and compare their digests. Raises ModelError."""
    files = read_files(description.file)
    path = Path(description.file)
    _compare(path, description.sha256, files.sha256)
    if description.bin_sha256 is not None:
        _compare(path.with_suffix(".bin"), description.bin_sha256, files.bin_sha256 or "")
    return files


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        beside = "; a .xml needs its .bin beside it" if path.suffix == ".bin" else ""
        raise ModelError(
            f"{path}: cannot read the model: {error.strerror or error}{beside}"
        ) from error
    if not content:
        raise ModelError(f"{path}: the model file is empty")
    return content


def _compare(path: Path, wanted: str, found: str) -> None:
    if wanted != found:
        raise ModelError(
            f"{path}: sha256 is {found[:12]}..., the description says {wanted[:12]}...: "
            "the file is damaged or another one; fetch the right file or correct the description"
        )


def to_toml(description: ModelDescription) -> str:
    """The text of a description, to be completed and saved beside the model."""
    lines = []
    for name in ("name", "file", "family", "licence", "sha256", "bin_sha256"):
        value = getattr(description, name)
        if value is not None:
            lines.append(f'{name} = "{_escaped(value)}"')
    lines += ["", "[labels]"] + [f"{k} = {v}" for k, v in description.labels.items()]
    lines += ["", "[input]"]
    shape = description.input
    if shape.size is not None:
        lines.append(f"size = {list(shape.size)}")
    else:
        lines.append(f"multiple = {shape.multiple}")
    lines.append(f'colour = "{shape.colour}"')
    lines += [f"mean = {list(shape.mean)}", f"std = {list(shape.std)}"]
    lines.append(f'resize = "{shape.resize}"')
    if shape.resize == "letterbox":
        lines.append(f"pad = {shape.pad}")
    if shape.long_side is not None:
        lines.append(f"long_side = {shape.long_side}")
    for section in ("thresholds", "suppression", "trust"):
        said, usual = getattr(description, section), type(getattr(description, section))()
        given = [
            f"{name} = {str(value).lower()}"
            for name in said.__struct_fields__
            if (value := getattr(said, name)) != getattr(usual, name)
        ]
        if given:
            lines += ["", f"[{section}]", *given]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
