"""From options to objects: the one place where names become classes and devices are chosen."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from redact.config import Config, Trust
from redact.errors import ConfigError, SourceError
from redact.pipeline import Pipeline
from redact.protocols import Detector, Observer, Sink, Source
from redact.redactor import OnFailure, Redactor
from redact.structures import Label, Report, StreamInfo

_MOTION_IDS = 1 << 40  # motion tracks count from here, so that the two kinds never meet


def load_detector(config: Config) -> Detector | None:
    """The configured models as one detector, or None where there are none (motion net alone).

    Slow: load once per process and share. Raises ConfigError, ModelError,
    MissingDependencyError.
    """
    if not config.models:
        return None
    from redact.detectors import load_detector as load

    return load(config.models, config.detector)


def model_digests(config: Config) -> dict[str, str]:
    """File name -> sha256 of what lies there: models, the `.bin` of an OpenVINO `.xml`, and
    descriptions, which pin the sha256 of their own model. Raises ConfigError when unreadable.
    """
    from redact.detectors import located

    paths = [located(Path(p)) for p in config.models]
    paths += [b for p in paths if p.suffix == ".xml" and (b := p.with_suffix(".bin")).exists()]
    digests: dict[str, str] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ConfigError(f"{path}: cannot read the model: {error.strerror}") from error
        taken = digests.get(path.name, digest) != digest
        digests[f"{path.name} ({digest[:8]})" if taken else path.name] = digest
    return digests


def recipients_of(config: Config) -> tuple[str, ...]:
    """The public keys that the original is sealed to; empty = it is not kept. Raises
    ConfigError for a malformed one, MissingDependencyError."""
    if not config.seal.to:
        return ()
    from redact.sealing import parse_recipients

    return parse_recipients(config.seal.to)


def make_redactor(
    info: StreamInfo,
    config: Config,
    detector: Detector | None = None,
    *,
    on_failure: OnFailure = "raise",
) -> Redactor:
    """A redactor for one stream. detector: shared between streams; None = motion net alone."""
    from redact.detectors.motion import MotionNet
    from redact.effects import make_effect
    from redact.policies import PropertyPolicy
    from redact.trackers import BufferedIoUTracker

    options = config.motion
    people = detector is not None and Label.PERSON in detector.labels
    if not people and not options.enabled:
        raise ConfigError(
            "motion.enabled is off and no model finds people: they would not be hidden; "
            "turn the motion net on or give a person model"
        )
    trust = getattr(detector, "trust", Trust())
    policy = msgspec.structs.replace(config.policy, margin=max(config.policy.margin, trust.foot))
    show_score = max(config.detector.show_score, trust.show)
    looking = msgspec.structs.replace(config.detector, show_score=show_score)
    return Redactor(
        info,
        config.zone,
        policy=PropertyPolicy(config.zone, policy, looking, thorough=trust.thorough),
        effect=make_effect(config.effect),
        tracker=BufferedIoUTracker(config.tracking),
        detector=detector,
        motion=MotionNet(options, config.look_back) if options.enabled else None,
        motion_tracker=BufferedIoUTracker(config.tracking, _MOTION_IDS),
        look_back=config.look_back,
        interval=config.detector.interval,
        still_interval=config.detector.still_interval,
        warmup=options.warmup if people and trust.thorough else options.warmup_alone,
        grow=config.effect.grow,
        thorough=trust.thorough,
        on_failure=on_failure,
    )


def run(
    source: str | Path | Source,
    sink: str | Path | Sink,
    config: Config,
    *,
    detector: Detector | None = None,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Redact one stream from end to end; the output appears whole or not at all.

    source, sink: paths, or objects of these protocols. detector: one loaded before; by default
    the configured models are loaded. Where the configuration names who the original is sealed
    to, it lies beside the output, encrypted; both appear, or neither. An audit log is kept by
    `redact.batch`, not here. Raises RedactError, `Stopped` once `stop` is set.
    """
    if not config.seal.to:
        return _run(source, sink, config, detector, observer, stop)
    if not isinstance(source, str | Path) or not isinstance(sink, str | Path):
        raise ConfigError("sealing needs files: give paths, or a configuration without seal.to")
    with _sealed(Path(source), Path(sink), config, stop) as finish:
        report = _run(source, sink, config, detector, observer, stop)
        return report.with_(sealed=finish())


@contextmanager
def _sealed(
    source: Path, output: Path, config: Config, stop: threading.Event | None
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Encrypt the original first, so that what cannot be sealed is not redacted either; what is
    given out publishes it."""
    from redact.sealing import SealedCopy, sealed_path

    with SealedCopy(sealed_path(output, source), recipients_of(config)) as copy:
        try:
            file = source.open("rb")
        except OSError as error:
            raise SourceError(f"{source}: cannot be read: {error.strerror or error}") from error
        with file:
            sealed = copy.fill(file, stop)

        def finish() -> dict[str, Any]:
            try:
                copy.publish()
            except BaseException:
                output.unlink(missing_ok=True)
                raise
            return dataclasses.asdict(sealed)

        yield finish


def _opened(path: str | Path, config: Config) -> Source:
    from redact.sources import PyAVSource, SandboxedSource

    if config.source.sandbox and sys.platform == "linux":
        return SandboxedSource(path)
    return PyAVSource(path)


def _run(
    source: str | Path | Source,
    sink: str | Path | Sink,
    config: Config,
    detector: Detector | None,
    observer: Observer | None,
    stop: threading.Event | None,
) -> Report:
    from redact.sinks import PyAVSink

    detector = detector or load_detector(config)
    opened = isinstance(source, str | Path)
    stream = _opened(source, config) if isinstance(source, str | Path) else source
    try:
        if isinstance(sink, str | Path):
            sink = PyAVSink(
                sink, config.output, audio_from=source if isinstance(source, str | Path) else None
            )
        redactor = make_redactor(stream.info, config, detector)
        report = Pipeline(stream, redactor, sink, observer, stop).run()
    finally:
        if opened:
            stream.close()
    notes = (*getattr(stream, "notes", ()), *getattr(sink, "notes", ()))
    return report.with_(notes=notes, frames_copied=getattr(sink, "copied", 0))
