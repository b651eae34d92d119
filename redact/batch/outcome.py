"""What became of each job, and who is told of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Protocol

import redact
from redact.batch.planning import Job


class State(enum.StrEnum):
    DONE = "done"
    SKIPPED = "skipped"  # finished before, from the same input with the same settings
    FAILED = "failed"
    STOPPED = "stopped"  # nothing was written


@dataclass(frozen=True, slots=True)
class Outcome:
    """record: what the report beside the output says. error: one line. trace: the lines of
    code that an unexpected error came through; never values."""

    job: Job
    state: State
    record: dict[str, Any] | None = None
    error: str = ""
    exit_code: int = 0
    trace: str = ""

    def to_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "input": self.job.name,
            "output": str(self.job.output),
            "state": self.state.value,
        }
        if self.state is State.FAILED:
            plain |= {"error": self.error, "exit_code": self.exit_code}
        if self.record is not None:
            plain["report"] = self.record
        return plain


class Listener(Protocol):
    """Told of progress, possibly from other threads; must return at once."""

    def started(self, job: Job) -> None: ...
    def opened(self, job: Job, frames: int | None) -> None:
        """frames: how many there will be, if the container says."""

    def advanced(self, job: Job, frames: int) -> None:
        """frames: how many are finished."""

    def finished(self, outcome: Outcome) -> None: ...
    def warned(self, message: str) -> None:
        """Of something that is no job's failure: a folder that went away."""


class Silent:
    """A listener that ignores everything."""

    def started(self, job: Job) -> None: ...
    def opened(self, job: Job, frames: int | None) -> None: ...
    def advanced(self, job: Job, frames: int) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...
    def warned(self, message: str) -> None: ...


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The outcomes of all jobs, in the order of the plan."""

    outcomes: tuple[Outcome, ...]

    def count(self, state: State) -> int:
        return sum(outcome.state is state for outcome in self.outcomes)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(o for o in self.outcomes if o.state is State.FAILED)

    @property
    def exit_code(self) -> int:
        """0, or the code that all failures share, or 1 where they differ."""
        codes = {outcome.exit_code for outcome in self.failures}
        return 0 if not codes else codes.pop() if len(codes) == 1 else 1

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "redact": redact.__version__,
            "exit_code": self.exit_code,
            "counts": {state.value: self.count(state) for state in State},
            "files": [outcome.to_dict() for outcome in self.outcomes],
        }
