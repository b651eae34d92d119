"""The recipe of one training, strict: an unknown key is an error."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the recipe."""


class DataOptions(Section, frozen=True):
    """folder: of the indices and the tar shards."""

    folder: Path
    train: str = "labels.jsonl"
    val: str = "val.jsonl"
    val_shard: str = "val.tar"
    leave_out: list[str] = []  # file-name prefixes of data sets not to train on


class TeacherOptions(Section, frozen=True):
    """models: descriptions, all with a licence that lets us ship what was learned from them.

    positive: score from which a teacher's box is a label; ignore: score from which nothing is
    learned at its place.
    """

    models: list[Path]
    long_side: int = 640
    threads: int = 1
    person_score: float = 0.12
    face_score: float = 0.2
    positive: tuple[float, float] = (0.45, 0.6)  # person, face
    ignore: tuple[float, float] = (0.15, 0.25)


class NetworkOptions(Section, frozen=True):
    """Channels of the stem and of strides 4, 8, 16 and 32; blocks per stride; neck channels.

    head: per stride two separable towers, one for classes and one for boxes; one for both
    (`joint`); or two of dense 3x3 convolutions.
    """

    stem: int = 16
    widths: tuple[int, int, int, int] = (24, 48, 96, 160)
    depths: tuple[int, int, int] = (1, 2, 2)
    neck: int = 64
    bins: int = 8  # of the distribution over each side's distance
    context: bool = True  # pooled, at the end of stride 32
    fuse: int = 5  # kernel where two maps of the neck become one
    head: Literal["separable", "joint", "dense"] = "separable"


class AugmentOptions(Section, frozen=True):
    """Chances of each change, 0..1."""

    mosaic: float = 0.8
    paste: float = 0.3
    night: float = 0.25
    grey: float = 0.15
    weather: float = 0.1
    blur: float = 0.15
    compress: float = 0.3
    noise: float = 0.2
    occlude: float = 0.3


class TrainOptions(Section, frozen=True):
    """size: (height, width) of a training picture; every `whole_every`-th step learns from
    `whole_batch` uncut pictures of `whole_size` instead (0: none does).

    steps: in all. decay: how many of them, at the end, lead the learning rate down to nothing
    (before, it stays where it is, so that `steps` may be raised later and a training goes on from
    the checkpoint kept where the decay began).
    """

    size: tuple[int, int] = (320, 320)
    batch: int = 8
    whole_size: tuple[int, int] = (384, 640)
    whole_batch: int = 3
    whole_every: int = 0
    steps: int = 16000
    decay: int = 3500
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warm_up: int = 100
    clean_last: int = 1000  # last steps without mosaic and paste (YOLOX, Ge et al. 2021)
    ema: float = 0.999
    seed: int = 20261124
    workers: int = 1
    threads: int = 1
    save_every: int = 100


class Config(Section, frozen=True):
    """work: folder for pseudo-labels, checkpoints, logs and exports; never committed."""

    name: str
    work: Path
    data: DataOptions
    teacher: TeacherOptions
    network: NetworkOptions = NetworkOptions()
    augment: AugmentOptions = AugmentOptions()
    train: TrainOptions = TrainOptions()

    @property
    def pseudo(self) -> Path:
        return self.work / "pseudo.jsonl"


class Shape(NetworkOptions, frozen=True, kw_only=True):
    """A network to try; `seed` is added to the recipe's for its first weights alone."""

    name: str
    seed: int = 0


class Ablation(Section, frozen=True):
    """recipe: the file whose data and augmentation all shapes learn from."""

    recipe: Path
    work: Path
    train: TrainOptions
    shapes: list[Shape]


def load(path: Path) -> Config:
    """Read a recipe; its paths count from its own folder.

    Raises OSError, tomllib.TOMLDecodeError and msgspec.ValidationError.
    """
    base = path.resolve().parent
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    raw = msgspec.convert(table, Config, dec_hook=lambda kind, value: kind(value))
    return msgspec.structs.replace(
        raw,
        work=base / raw.work,
        data=msgspec.structs.replace(raw.data, folder=base / raw.data.folder),
        teacher=msgspec.structs.replace(
            raw.teacher, models=[base / model for model in raw.teacher.models]
        ),
    )
