"""Names of what is not finished, and who writes it."""

from __future__ import annotations

import os
import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Protocol

_PARTIAL = re.compile(r"^\..*\.partial-(\d+)-[0-9a-f]{6}(\.[^.]+)?$", re.DOTALL)
_STEM_BYTES = 180  # of the 255 that a file name may have


@dataclass(frozen=True, slots=True)
class Writer:
    """owner: a number that no other living writer has, by default the process id. run: a name
    that all writers of one run share; empty where each run is a single process."""

    owner: int = field(default_factory=os.getpid)
    run: str = ""


WRITER: ContextVar[Writer | None] = ContextVar("WRITER", default=None)
"""Who writes in this thread; None stands for `Writer()`."""


class Named(Protocol):
    @property
    def stem(self) -> str: ...
    @property
    def suffix(self) -> str: ...


def is_partial(name: str | PurePath) -> bool:
    """True for the name of an unfinished output, which may be deleted when nobody writes it."""
    return _PARTIAL.match(PurePath(name).name) is not None


def owner_of(name: str | PurePath) -> int | None:
    """Who writes an unfinished output; None for the name of anything else."""
    match = _PARTIAL.match(PurePath(name).name)
    return int(match[1]) if match else None


def partial_name(path: Named) -> str:
    """`.STEM.partial-OWNER-RANDOM.SUFFIX`: hidden, never the same twice, same container."""
    owner = (WRITER.get() or Writer()).owner
    stem = os.fsdecode(os.fsencode(path.stem)[:_STEM_BYTES])
    return f".{stem}.partial-{owner}-{secrets.token_hex(3)}{path.suffix}"
