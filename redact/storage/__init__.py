"""Where clips lie: folders of this machine, or buckets of an S3 store.

A `Place` is a `pathlib.Path` or an `ObjectPath`, which offers the same methods as far as they
are used here; a `Draft` is what is written before it has its name. Everything above works with
these two and does not ask which kind it has; a contract suite runs over both kinds.

s3fs is imported at first use.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from redact.errors import ConfigError
from redact.storage.naming import WRITER, Writer, is_partial, owner_of, partial_name
from redact.storage.objects import ObjectPath, StoreError, TakenError, forget

__all__ = [
    "WRITER",
    "ObjectPath",
    "Place",
    "StoreError",
    "TakenError",
    "Writer",
    "claim",
    "forget",
    "identity",
    "is_partial",
    "medium",
    "owner_of",
    "partial_name",
    "place_of",
    "same_place",
    "version_of",
    "walk",
    "written_by",
]

Place: TypeAlias = Path | ObjectPath


def place_of(text: str | Path | ObjectPath) -> Place:
    """What a user means: an `s3://bucket/key`, or a path. Raises ConfigError."""
    if not isinstance(text, str):
        return text
    scheme, found, rest = text.partition("://")
    if not found:
        return Path(text)
    if "@" in rest.partition("/")[0]:
        raise ConfigError(
            f"{scheme}://...: credentials do not belong into an address; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment"
        )
    if scheme.lower() != "s3":
        raise ConfigError(
            f"{text}: only s3:// and paths are known; other stores that speak S3 are named by "
            "AWS_ENDPOINT_URL in the environment"
        )
    return ObjectPath.of(rest)


def medium(place: Place) -> str | io.BufferedIOBase | io.RawIOBase:
    """What PyAV reads it from. Raises OSError."""
    if isinstance(place, ObjectPath):
        return place.open("rb")
    return f"file:{os.path.abspath(place)}"  # noqa: PTH100 - resolve() would follow links


def identity(place: Place) -> str:
    """The same for all names of one file or object."""
    return str(place) if isinstance(place, ObjectPath) else os.path.realpath(place)


def same_place(one: Place, other: Place) -> bool:
    """Whether both are the same file or object."""
    if isinstance(one, Path) and isinstance(other, Path):
        try:
            return one.samefile(other)
        except OSError:  # one of them does not exist
            return False
    return one == other


def version_of(place: Place) -> str | None:
    """What the store says of the content, without reading it: another content has another one.
    None for files, which have nothing of the kind, and where there is no object."""
    return place.version() if isinstance(place, ObjectPath) else None


def written_by(place: Place) -> str:
    """The run that wrote an object; empty where that is not known."""
    return place.run() if isinstance(place, ObjectPath) else ""


def claim(place: Place) -> Place:
    """The place with what is there now: a draft of it is published over that, or over nothing
    if there is nothing, and over nothing else. Files have no such promise."""
    return replace(place, over=place.version()) if isinstance(place, ObjectPath) else place


def walk(folder: ObjectPath) -> Iterator[ObjectPath]:
    """All objects below a prefix, in order of key. Raises OSError."""
    return folder.walk()
