"""What a person sees of a batch, on stderr: bars on a terminal (`bars.py`), else plain lines."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import click

from redact.batch import BatchReport, Job, Listener, Outcome, State
from redact.batch.outcome import Silent
from redact.cli.door import one_line, say_error


class Show(Listener, Protocol):
    """A listener that may own the terminal while a block lasts."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def make_show(jobs: Sequence[Job], quiet: bool) -> Show:
    """What fits the place that stderr leads to."""
    if quiet:
        return Quiet()
    from rich.console import Console

    from redact.cli.bars import Bars

    console = Console(stderr=True)
    return Bars(jobs, console) if console.is_terminal else Lines(len(jobs))


class Quiet(Silent):
    """Errors only."""

    def warned(self, message: str) -> None:
        say_error(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        return None


class Lines(Quiet):
    """One line per finished file; failures are said by the command."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._done = 0

    def finished(self, outcome: Outcome) -> None:
        self._done += 1
        if outcome.state in (State.DONE, State.SKIPPED):
            count = f"[{self._done}/{self._files}] " if self._files > 1 else ""
            click.echo(count + describe(outcome), err=True)


def describe(outcome: Outcome) -> str:
    """One line on what became of a file."""
    record, name = outcome.record or {}, one_line(outcome.job.name)
    if outcome.state is State.SKIPPED:
        return f"{name}: finished before, skipped"
    frames = record["frames"]
    said = f"{name}: {frames['all']} frames, {frames['with_hiding']} with something hidden"
    return "; ".join([f"{said} -> {one_line(outcome.job.output)}", *record["notes"]])


def say_failures(report: BatchReport, debug: bool) -> None:
    """One line for each file that failed."""
    for outcome in report.failures:
        if debug and outcome.trace:
            click.echo(outcome.trace, err=True, nl=False)
        say_error(outcome.error)


def say_total(report: BatchReport) -> None:
    counts = [(state.value, report.count(state)) for state in State]
    said = ", ".join(f"{count} {name}" for name, count in counts if count)
    click.echo(f"{len(report.outcomes)} files: {said}", err=True)


class Log(Lines):
    """Lines for a program that runs for months: failures are said when they happen."""

    def __init__(self, running: set[Job], quiet: bool, debug: bool) -> None:
        super().__init__(files=0)
        self._running = running  # kept up to date for whoever must clean up
        self._quiet = quiet
        self._debug = debug

    def started(self, job: Job) -> None:
        self._running.add(job)

    def finished(self, outcome: Outcome) -> None:
        self._running.discard(outcome.job)
        say_failures(BatchReport((outcome,)), self._debug)
        if not self._quiet:
            super().finished(outcome)
