"""From options to objects: the one place where names become classes and devices are chosen."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from redact.config import Config, Trust
from redact.errors import ConfigError, RedactError, SourceError
from redact.looks import LookThread
from redact.pipeline import Pipeline
from redact.protocols import Closer, Detector, Observer, Sink, Source
from redact.reading import (
    file_of,
    kept_sound,
    locked_here,
    open_piece,
    open_source,
    past_frames,
    reader_for,
    warm,
)
from redact.redactor import OnFailure, Redactor
from redact.sound import MutedSound
from redact.sources import Span
from redact.storage import ObjectPath, Place, place_of
from redact.structures import BoolArray, Detections, Frame, Label, Report, StreamInfo

if TYPE_CHECKING:
    from redact.detectors.speech import SpeechModel

_MOTION_IDS = 1 << 40  # motion tracks count from here, so that the two kinds never meet


def load_detector(config: Config) -> Detector | None:
    """The configured models as one detector, or None where there are none (motion net alone).

    Slow: load once per process and share. Raises ConfigError, ModelError,
    MissingDependencyError.
    """
    if not config.models:
        return None
    from redact.detectors import load_detector as load

    return load(config.models, config.detector, config.device)


def load_speech(config: Config) -> SpeechModel | None:
    """What tells speech, where sound is to be muted by it. Raises MissingDependencyError,
    ModelError."""
    if config.output.audio != "mute-speech":
        return None
    from redact.detectors.speech import SpeechModel

    return SpeechModel(config.output.speech_model)


def refuse_muting(config: Config, who: str) -> None:
    """Raises ConfigError where sound was to be muted by something that never gets any."""
    if config.output.audio == "mute-speech":
        raise ConfigError(
            f'output.audio = "mute-speech": {who} gets no sound, so none is muted; leave it out, '
            "and pass none on beside it"
        )


def model_digests(config: Config) -> dict[str, str]:
    """File name -> sha256 of what lies there: models, the `.bin` of an OpenVINO `.xml`, what tells
    speech, and descriptions, which pin the sha256 of their own model. Raises ConfigError when
    unreadable, MissingDependencyError and ModelError for a speech model that is not there or not
    known.
    """
    from redact.detectors import located

    speech = {}
    if config.output.audio == "mute-speech":
        from redact.detectors.speech import read_speech_model

        speech["speech"] = read_speech_model(config.output.speech_model).sha256
    paths = [located(Path(p), config.device) for p in config.models]
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
    return digests | speech


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
    past: Iterable[Frame] = (),
    ahead: Executor | None = None,
) -> Redactor:
    """A redactor for one stream. detector: shared between streams; None = motion net alone.
    past: frames of the same camera from before the stream, for the motion net to learn from.
    ahead: runs the detector's looks beside the rest, see `Redactor`."""
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
    net = MotionNet(options, config.look_back) if options.enabled else None
    if net is not None:
        net.remember(past)
    trust = getattr(detector, "trust", Trust())
    margin = max(config.policy.margin, trust.foot)
    show_score = max(config.detector.show_score, trust.show)
    policy = PropertyPolicy(
        config.zone,
        msgspec.structs.replace(config.policy, margin=margin),
        msgspec.structs.replace(config.detector, show_score=show_score),
        thorough=trust.thorough,
    )
    return Redactor(
        info,
        config.zone,
        policy=policy,
        effect=make_effect(config.effect, config.device),
        tracker=BufferedIoUTracker(config.tracking),
        detector=detector,
        motion=net,
        motion_tracker=BufferedIoUTracker(config.tracking, _MOTION_IDS),
        look_back=config.look_back,
        interval=config.detector.interval,
        still_interval=config.detector.still_interval,
        closer=_closer(detector, config, partial(policy.beyond, info)),
        settled=options.warmup_alone,
        warmup=options.warmup if people and trust.thorough else options.warmup_alone,
        grow=config.effect.grow,
        thorough=trust.thorough,
        on_failure=on_failure,
        ahead=ahead,
    )


def _closer(
    detector: Detector | None, config: Config, beyond: Callable[[Detections], BoolArray]
) -> Closer | None:
    """None without the motion net, which alone knows that nothing moves."""
    from redact.detectors.closer import CloserLooks

    if detector is None or not (config.motion.enabled and config.detector.closer):
        return None
    return CloserLooks.of(detector, beyond)


def run(
    source: str | Place | Source,
    sink: str | Place | Sink,
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
    places = [place_of(p) for p in (source, sink) if isinstance(p, str | Path | ObjectPath)]
    files = [place for place in places if isinstance(place, Path)]
    if len(files) != 2:
        raise ConfigError("sealing needs files: give paths, or a configuration without seal.to")
    with _sealed(files[0], files[1], config, stop) as finish:
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


def run_piece(
    source: Place,
    output: Place,
    span: Span,
    config: Config,
    *,
    detector: Detector | None = None,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Redact one span of a long clip, without sound, to be joined with the others. Raises as
    `run` does."""
    from redact.sinks import PyAVSink

    silent = msgspec.structs.replace(config.output, audio="drop")
    with (
        closing(open_piece(source, span, config)) as stream,
        closing(past_frames(source, span, config)) as past,
        LookThread() as ahead,
    ):
        redactor = make_redactor(stream.info, config, detector, past=past, ahead=ahead)
        sink = PyAVSink(output, silent)
        pipeline = Pipeline(stream, redactor, sink, observer, stop, wanted=span.writes)
        notes = getattr(stream, "notes", ())
        return pipeline.run().with_(notes=(*notes, *sink.notes))


def join(
    pieces: Sequence[Place],
    frames: Sequence[int],
    output: Place,
    config: Config,
    source: Place,
    report: Report,
) -> Report:
    """Pieces of `run_piece`, which hold so many frames, become one output, with the sound of the
    whole. report: of the pieces. Raises SinkError."""
    from redact.sinks.joining import join as joined

    sound, notes = _muted_sound(source, config, load_speech(config))
    kept = kept_sound(source, output, config)
    try:
        said = joined(pieces, frames, output, kept, sound, reader_for(config))
    finally:
        for each in (sound, kept):
            if each is not None:
                each.close()
    notes = (*notes, *said)
    if sound is not None:
        notes = (*notes, sound.note)
    return report.with_(notes=(*report.notes, *notes), muted=sound and sound.muted)


def _muted_sound(
    source: Place, config: Config, speech: SpeechModel | None
) -> tuple[MutedSound | None, tuple[str, ...]]:
    """The sound of a file, muted, and notes; None where it has none, or none that can be decoded.
    Decoded where its pictures are."""
    if speech is None:
        return None, ()
    from redact.muting import Muter
    from redact.sources import PyAVSound, SandboxedSound

    sound: SandboxedSound | PyAVSound | None
    try:
        sound = SandboxedSound.of(source) if locked_here(config) else PyAVSound.of(source)
    except SourceError as error:
        return None, (f"sound: left out: {error}",)
    if sound is None:
        return None, ()
    return Muter(sound, speech.listener(sound.info)), ()


def _open_sink(
    path: str | Place, config: Config, original: str | Place | None, speech: SpeechModel | None
) -> Sink:
    if config.output.encoder:
        from redact.sinks import FfmpegSink

        sound = None if original is None else file_of(original)
        return FfmpegSink(file_of(path), config.output, audio_from=sound)
    if config.output.encoder_options:
        raise ConfigError("output.encoder_options are those of output.encoder; name one")
    from redact.sinks import PyAVSink

    reader = reader_for(config)
    if original is None:
        return PyAVSink(path, config.output, reader=reader)
    muted, notes = _muted_sound(place_of(original), config, speech)
    return PyAVSink(
        path,
        config.output,
        original=original,
        kept=kept_sound(place_of(original), place_of(path), config),
        sound=muted,
        notes=notes,
        reader=reader,
    )


def _prepare(detector: Detector | None, info: StreamInfo) -> None:
    """Let a detector that can (`prepare`) make ready for the size of the stream while the rest
    loads. What goes wrong there goes wrong again at the first look, which tells."""
    prepare = getattr(detector, "prepare", None)
    if prepare is None:
        return

    def work() -> None:
        with suppress(RedactError):
            prepare(info.width, info.height)

    threading.Thread(target=work, name="redact-prepare").start()


def _run(
    source: str | Place | Source,
    sink: str | Place | Sink,
    config: Config,
    detector: Detector | None,
    observer: Observer | None,
    stop: threading.Event | None,
) -> Report:
    if isinstance(source, str | Path):
        warm(config)
    detector = detector or load_detector(config)
    speech = load_speech(config)
    opened = isinstance(source, str | Path | ObjectPath)
    stream = open_source(source, config) if isinstance(source, str | Path | ObjectPath) else source
    try:
        _prepare(detector, stream.info)
        with LookThread() as ahead:
            redactor = make_redactor(stream.info, config, detector, ahead=ahead)
            if isinstance(sink, str | Path | ObjectPath):  # last: it holds the original's sound
                original = source if isinstance(source, str | Path | ObjectPath) else None
                sink = _open_sink(sink, config, original, speech)
            report = Pipeline(stream, redactor, sink, observer, stop).run()
    finally:
        if opened:
            stream.close()
    notes = (*getattr(stream, "notes", ()), *getattr(sink, "notes", ()))
    copied, muted = getattr(sink, "copied", 0), getattr(sink, "muted", None)
    return report.with_(notes=notes, frames_copied=copied, muted=muted)
