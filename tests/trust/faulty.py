"""Stages that misbehave: what each may do, and a stand-in that does it on cue."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import planted

import redact
from redact.build import make_redactor
from redact.config import Config, EffectOptions
from redact.geometry import Zone
from redact.structures import Detections, Label

ROOT = Path(__file__).resolve().parents[2]
LAWN = Zone.of([[[0.0, 0.7], [1.0, 0.7], [1.0, 1.0], [0.0, 1.0]]])
FRAMES = 12


def config_of(kind: str = "blur") -> Config:
    return Config(zone=LAWN, look_back=4, effect=EffectOptions(kind=kind))  # type: ignore[arg-type]


def forged(xyxy: Any, score: Any = (0.9,), label: Any = (int(Label.PERSON),)) -> Detections:
    """Detections that did not pass their own checks, as a broken plug-in's would be."""
    made = object.__new__(Detections)
    object.__setattr__(made, "xyxy", np.asarray(xyxy, np.float32))
    object.__setattr__(made, "score", np.asarray(score, np.float32))
    object.__setattr__(made, "label", np.asarray(label, np.uint8))
    return made


def raise_(error: BaseException) -> Any:
    raise error


HUGE = 3000
GARBAGE: dict[str, Callable[[Any], Any]] = {
    "raises": lambda _: raise_(ValueError("broken")),
    "runs out of memory": lambda _: raise_(MemoryError("out of memory")),
    "io error": lambda _: raise_(OSError(5, "Input/output error")),
    "None": lambda _: None,
    "nothing at all": lambda _: [],
    "too many answers": lambda real: [*real, *real] if isinstance(real, list) else None,
    "text": lambda _: ["person"],
}
BOXES: dict[str, Callable[[Any], Any]] = {
    "NaN": lambda _: [forged([[np.nan] * 4])],
    "NaN score": lambda _: [forged([[1, 1, 9, 9]], [np.nan])],
    "infinite": lambda _: [forged([[-np.inf, -np.inf, np.inf, np.inf]])],
    "far outside": lambda _: [forged([[9e6, 9e6, 9.1e6, 9.1e6]])],
    "inside out": lambda _: [forged([[50, 50, 10, 10]])],
    "no area": lambda _: [forged([[30, 30, 30, 30]])],
    "ragged": lambda _: [forged([[1, 2, 3, 4]], [0.9, 0.8])],
    "three numbers": lambda _: [forged([[1, 2, 3]])],
    "unknown label": lambda _: [forged([[1, 1, 9, 9]], [0.9], [200])],
    "huge count": lambda _: [
        forged(
            np.tile([1, 1, 9, 9], (HUGE, 1)), np.full(HUGE, 0.9), np.full(HUGE, int(Label.PERSON))
        )
    ],
}
# Where it breaks: (attribute of the redactor, method) -> what it may do there.
STAGES: dict[str, tuple[str, str, dict[str, Callable[[Any], Any]]]] = {
    "detector": ("_detector", "detect", GARBAGE | BOXES),
    "motion net": ("_motion", "push", GARBAGE | BOXES),
    "tracker": ("_tracker", "update", GARBAGE),
    "motion tracker": ("_motion_tracker", "update", GARBAGE),
    "policy": ("_policy", "decide", GARBAGE),
    "effect": ("_effect", "apply", GARBAGE),
}


class Broken:
    """Stands for an object whose one method misbehaves, from the n-th call for `calls` calls."""

    def __init__(
        self, real: Any, method: str, fault: Callable[[Any], Any], first: int, calls: int
    ) -> None:
        self._real, self._method, self._fault = real, method, fault
        self._when = range(first, first + calls)
        self._called = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name != self._method:
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = real(*args, **kwargs)
            self._called += 1
            return self._fault(answer) if self._called - 1 in self._when else answer

        return call


Fault = tuple[str, str, int, int]  # stage, kind, first call, calls


def broken_redactor(info: Any, fault: Fault, kind: str, on_failure: str) -> redact.Redactor:
    stage, what, first, calls = fault
    redactor = make_redactor(
        info,
        config_of(kind),
        planted.detector(),
        on_failure=on_failure,  # type: ignore[arg-type]
    )
    attribute, method, known = STAGES[stage]
    real = getattr(redactor, attribute)
    setattr(redactor, attribute, Broken(real, method, known[what], first, calls))
    return redactor


def quotes(message: str) -> bool:
    """Whether it holds pixels."""
    return "[[" in message or "array(" in message


def environment(folder: Path) -> dict[str, str]:
    """Of a program of this checkout that runs in a folder, maybe within `limits`. Without bytecode:
    Python keeps what a limit lets it write of a module's, and cannot import that module any more.
    """
    own = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    return os.environ | own


def limits(memory: int | None, size: int | None) -> Callable[[], None]:
    def apply() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        if size is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return apply
