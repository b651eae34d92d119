"""What a bare model file is, told from its graph alone, or an error that shows what to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from redact.detectors.description import (
    UNVERIFIED,
    InputDescription,
    ModelDescription,
    ModelFiles,
    to_toml,
)
from redact.detectors.families import FAMILIES
from redact.detectors.families.base import Guess, Size
from redact.detectors.runtime import Network
from redact.errors import ConfigError
from redact.structures import Label


def recognise(path: Path, files: ModelFiles) -> ModelDescription:
    """Describe a bare .onnx or .xml.

    Raises ConfigError, with the description to complete, unless exactly one family fits and
    the classes are known; ModelError where the file cannot be read.
    """
    network = Network(files, path.stem)
    signature = network.signature()
    guesses = {
        name: guess
        for name, family in FAMILIES.items()
        if (guess := family.guess(signature)) is not None
    }
    if len(guesses) == 1:
        ((family, guess),) = guesses.items()
        if guess.labels:
            return _describe(path, files, network.fixed_size, family, guess)
    raise ConfigError(_advice(path, files, network, guesses))


def _describe(
    path: Path, files: ModelFiles, size: Size | None, family: str, guess: Guess
) -> ModelDescription:
    labels: dict[Any, Any] = {
        label.name.lower(): list(indices) if len(indices) > 1 else indices[0]
        for label, indices in (guess.labels or {}).items()
    }
    return ModelDescription(
        name=path.stem,
        file=str(path),
        family=family,
        licence=UNVERIFIED,
        sha256=files.sha256,
        bin_sha256=files.bin_sha256,
        labels=labels,
        input=InputDescription(
            size=size,
            multiple=guess.multiple,
            colour=guess.colour,
            mean=guess.mean,
            std=guess.std,
            resize="stretch" if guess.pad is None else "letterbox",
            pad=guess.pad or 0,
        ),
    )


def _advice(path: Path, files: ModelFiles, network: Network, guesses: Mapping[str, Guess]) -> str:
    """The message for a file that does not say what it is."""
    shapes = ", ".join(str(list(s)).replace("None", "?") for s in network.signature().shapes)
    if len(guesses) == 1:
        unknown = "does not say which of its classes are people or faces"
    else:
        unknown = "does not say of which family it is"
    guess = replace(next(iter(guesses.values()), Guess(None)), labels={Label.PERSON: (0,)})
    family = "|".join(guesses or FAMILIES)
    example = _describe(Path(path.name), files, network.fixed_size, family, guess)
    return (
        f"{path}: {unknown} (outputs {shapes}). Correct this, save it as "
        f"{path.stem}.toml beside the model, and name that file instead:\n\n{to_toml(example)}"
    )
