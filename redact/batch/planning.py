"""Which files are read, and what each becomes. Nothing is written here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from redact.batch.record import is_output, record_path
from redact.errors import ConfigError
from redact.sinks import is_partial
from redact.sinks.containers import CONTAINERS, container_for
from redact.storage import ObjectPath, Place, identity, same_place, walk

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".wmv", ".asf", ".3gp", ".3g2"}
    | {".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".ogv", ".mxf", ".dav"}
    | {".h264", ".264", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg"}
)


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its output. name: the input as a reader knows it, below the folder that
    was named. problem: why it cannot even begin (a folder that may not be read). part: a
    `pieces.Piece` of the clip, or the `pieces.Join` of all; None where it is run whole."""

    source: Place
    output: Place
    name: str
    problem: str = ""
    part: Any = field(default=None, compare=False)


def plan(
    inputs: Sequence[Place], output: Place, *, inside: bool = False, may_be_empty: bool = False
) -> list[Job]:
    """The jobs for files and folders, in the order given, folders in order of name.

    output: a file for one input file, otherwise a folder that gets the same tree. inside:
    allow an output folder inside an input folder. Hidden files, partial files, finished
    outputs and everything below the output folder are not read. Raises ConfigError.
    """
    for path in inputs:
        _check_input(path)
    if _names_file(inputs, output):
        container_for(output)
        jobs = [Job(inputs[0], output, inputs[0].name)]
    else:
        _check_folder(inputs, output, inside)
        jobs = list(_unique(_pairs(inputs, output)))
    if not jobs and not may_be_empty:
        where = ", ".join(str(path) for path in inputs)
        raise ConfigError(f"{where}: no video file there; known are {_known_suffixes()}")
    return _checked(_apart(jobs))


def _known_suffixes() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in VIDEO_SUFFIXES))


def _check_input(path: Place) -> None:
    if path.is_dir():
        return
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    if not path.is_file():
        raise ConfigError(f"{path}: is neither a file nor a folder")
    if is_partial(path.name):
        raise ConfigError(f"{path}: is an unfinished output; name the original")
    if is_output(path):
        raise ConfigError(f"{path}: is an output of redact, as the report beside it says")


def _names_file(inputs: Sequence[Place], output: Place) -> bool:
    """Whether `output` means a file. Raises ConfigError where it means one and cannot."""
    if output.suffix.lower() not in VIDEO_SUFFIXES or output.is_dir():
        return False
    if len(inputs) == 1 and inputs[0].is_file():
        return True
    raise ConfigError(f"{output}: is named like a file, but the input is more; name a folder")


def _check_folder(inputs: Sequence[Place], output: Place, inside: bool) -> None:
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output}: is a file, not a folder; name a folder, or OUT.mp4")
    out = output.resolve()
    for folder in (path.resolve() for path in inputs if path.is_dir()):
        if out == folder:
            raise ConfigError(f"{output}: is the input folder itself; name another folder")
        if not inside and _lies_in(out, folder):
            raise ConfigError(
                f"{output}: lies inside the input folder; name another, or allow it with "
                "--out-inside"
            )


def _lies_in(place: Place, folder: Place) -> bool:
    if isinstance(place, ObjectPath) or isinstance(folder, ObjectPath):
        return isinstance(place, ObjectPath) and place.is_relative_to(folder)
    return place.is_relative_to(folder)


def _pairs(inputs: Sequence[Place], output: Place) -> Iterator[Job]:
    for path in inputs:
        if path.is_dir():
            yield from _walk(path, output)
        else:
            yield Job(path, output / _output_name(path.name), path.name)


def _output_name(name: str) -> str:
    path = Path(name)
    return name if path.suffix.lower() in CONTAINERS else path.with_suffix(".mp4").name


def _walk(folder: Place, output: Place) -> Iterator[Job]:
    if isinstance(folder, ObjectPath):
        return _walk_store(folder, output)
    return _walk_folder(folder, output)


def _walk_store(folder: ObjectPath, output: Place) -> Iterator[Job]:
    """As in folders; a report is looked at only where the listing has one."""
    there = list(walk(folder))
    known = set(there)
    for place in there:
        below = PurePosixPath(place.key).relative_to(folder.key)
        if any(part.startswith(".") for part in below.parts):
            continue
        if place.suffix.lower() not in VIDEO_SUFFIXES or place.is_relative_to(output):
            continue
        if record_path(place) not in known or not is_output(place):
            yield Job(place, output / below.with_name(_output_name(below.name)), str(below))


def _walk_folder(folder: Path, output: Place) -> Iterator[Job]:
    problems: list[OSError] = []
    out = output.resolve()
    for root, folders, files in os.walk(folder, onerror=problems.append):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != out
        )
        for name in sorted(files):
            if _is_video(here / name):
                below = (here / name).relative_to(folder)
                target = output / below.with_name(_output_name(name))
                yield Job(here / name, target, str(below))
    for error in problems:
        path = Path(str(error.filename))
        problem = f"{path}: cannot read the folder: {error.strerror or error}"
        yield Job(path, output, str(path), problem)


def _is_video(path: Path) -> bool:
    """A file by its name, that is neither hidden (so no partial) nor an output of ours."""
    if path.name.startswith(".") or path.suffix.lower() not in VIDEO_SUFFIXES:
        return False
    return path.is_file() and not is_output(path)


def _unique(jobs: Iterable[Job]) -> Iterator[Job]:
    """Each input once, however often and by whatever name it was given."""
    seen: set[str] = set()
    for job in jobs:
        key = identity(job.source)
        if key not in seen:
            seen.add(key)
            yield job


def _apart(jobs: list[Job]) -> list[Job]:
    """`a.avi` beside `a.mp4` becomes `a.avi.mp4`: no two inputs share an output."""
    taken: dict[Place, list[Job]] = {}
    for job in jobs:
        taken.setdefault(job.output, []).append(job)
    shared = {path for path, claims in taken.items() if len(claims) > 1}
    return [
        replace(job, output=job.output.with_name(f"{job.source.name}.mp4"))
        if job.output in shared and job.source.suffix.lower() not in CONTAINERS
        else job
        for job in jobs
    ]


def _checked(jobs: list[Job]) -> list[Job]:
    """Raises ConfigError where an output is an input, or the output of another."""
    inputs = {identity(job.source) for job in jobs}
    first: dict[Place, Job] = {}
    for job in jobs:
        if job.problem:
            continue
        other = first.setdefault(job.output, job)
        if other is not job:
            raise ConfigError(
                f"{other.source} and {job.source} would both become {job.output}; run them one "
                "by one with different outputs"
            )
        if identity(job.output) in inputs or same_place(job.output, job.source):
            raise ConfigError(f"{job.output}: the output is an input; choose another output")
    return jobs
