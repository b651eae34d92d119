"""What a bare model file is, told from its graph alone, or an error that shows what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from redact.detectors.description import (
    UNVERIFIED,
    InputDescription,
    ModelDescription,
    ModelFiles,
    to_toml,
)
from redact.detectors.families import FAMILIES
from redact.detectors.families.base import Guess
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
    if len(guesses) != 1 or next(iter(guesses.values())).labels is None:
        shapes = ", ".join(str(list(s)).replace("None", "?") for s in signature.shapes)
        raise ConfigError(_advice(path, files, network, guesses, shapes))
    name, guess = next(iter(guesses.items()))
    return _describe(path, files, network, name, guess)


def _describe(
    path: Path, files: ModelFiles, network: Network, family: str, guess: Guess
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
            size=network.fixed_size,
            multiple=guess.multiple,
            colour=cast(Any, guess.colour),
            mean=guess.mean,
            std=guess.std,
            resize="stretch" if guess.pad is None else "letterbox",
            pad=guess.pad or 0,
        ),
    )


def _advice(
    path: Path, files: ModelFiles, network: Network, guesses: dict[str, Guess], shapes: str
) -> str:
    """The message for a file that does not say what it is."""
    if len(guesses) == 1:
        family, guess = next(iter(guesses.items()))
        unknown = f"it looks like {family}, but does not say which classes are people or faces"
    else:
        family = "|".join(guesses or FAMILIES)
        guess = next(iter(guesses.values()), Guess(None))
        unknown = "its family cannot be told from its outputs"
    example = _describe(
        path.with_name(path.name), files, network, family, Guess({Label.PERSON: (0,)})
    )
    if guesses:
        example = _describe(
            path,
            files,
            network,
            family,
            Guess(
                {Label.PERSON: (0,)}, guess.colour, guess.mean, guess.std, guess.pad, guess.multiple
            ),
        )
    text = to_toml(_beside(example, path))
    return (
        f"{path}: {unknown} ({shapes}). Save this, corrected, as "
        f"{path.with_suffix('.toml').name} and name that file instead:\n\n{text}"
    )


def _beside(description: ModelDescription, path: Path) -> ModelDescription:
    import msgspec

    return msgspec.structs.replace(description, file=path.name, licence="FILL IN")
