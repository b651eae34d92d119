"""`--audio mute-speech` on real files: voices are silent, what else is heard stays, in step."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result
from mediaclips import Clips, ffmpeg, lavfi
from voices import PICTURE, SAYS, SPOKEN, spoken

import redact
from redact.batch import plan, run_batch
from redact.build import refuse_muting
from redact.cli import cli
from redact.config import Config, MotionOptions, OutputOptions
from redact.detectors import speech
from redact.detectors.speech import SpeechListener, SpeechModel
from redact.errors import ConfigError, MissingDependencyError, ModelError
from redact.geometry import Zone
from redact.muting import Muter
from redact.sound import SoundBlock, SoundInfo
from redact.structures import Report

X264 = ("-c:v", "libx264", "-preset", "ultrafast")
CONFIG = Config(
    zone=Zone.nothing(),
    models=(),
    motion=MotionOptions(warmup_alone=0),
    output=OutputOptions(preset="ultrafast", audio="mute-speech"),
)


def heard(path: Path) -> tuple[np.ndarray, int, str]:
    """(channels, n) from time zero on, the rate, and codec with layout."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        parts = list(file.decode(stream))
        made = av.AudioResampler("fltp", parts[0].layout, parts[0].sample_rate)
        rate = parts[0].sample_rate
        said = f"{stream.codec_context.name} {parts[0].layout.name}"
        end = round(max(f.time + f.samples / rate for f in parts) * rate)
        sound = np.zeros((parts[0].layout.nb_channels, end + rate), np.float32)
        for frame in parts:
            at = round(frame.time * rate)
            for part in made.resample(frame):
                sound[:, at : at + part.samples] = part.to_ndarray()
        return sound[:, :end], rate, said


def between(sound: np.ndarray, rate: int, start: float, end: float) -> np.ndarray:
    return sound[:, round(start * rate) : round(end * rate)]


def mute(source: Path, out: Path, config: Config = CONFIG) -> Report:
    return redact.run(source, out, config)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


# -- voices ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voice", "around"), [("slt", "tone"), ("kal", "noise"), ("rms", "chord"), ("slt", "noise")]
)
def test_voices_are_silent_and_what_is_around_them_stays(
    model: SpeechModel,  # noqa: ARG001 - skips where it is not installed
    voice: str,
    around: str,
    tmp_path: Path,
) -> None:
    source = spoken(tmp_path / "in.mp4", "-c:a", "aac", voice=voice, around=around)
    report = mute(source, tmp_path / "out.mp4")
    given, rate, _ = heard(source)
    made, made_rate, _ = heard(tmp_path / "out.mp4")
    assert made_rate == rate
    assert abs(made.shape[1] - given.shape[1]) <= 2048
    assert not between(made, rate, *SPOKEN).any()
    for span in ((0.5, 3.0), (10.2, 10.8)):
        assert alike(between(made, rate, *span), between(given, rate, *span)) > 0.9
    assert report.muted == pytest.approx(SPOKEN[1] - SPOKEN[0] + 1, abs=1.5)
    assert any(note.startswith("sound: ") for note in report.notes)


@pytest.mark.parametrize("gain", ["0.1", "0.01", "0.002"])
def test_a_quiet_voice_is_silent_too(
    model: SpeechModel,  # noqa: ARG001
    gain: str,
    tmp_path: Path,
) -> None:
    """Down to where 16 bits hold few levels of it."""
    source = spoken(tmp_path / "in.mkv", "-c:a", "pcm_s16le", around="hush", gain=gain)
    mute(source, tmp_path / "out.mp4")
    made, rate, _ = heard(tmp_path / "out.mp4")
    assert not between(made, rate, 4.2, 8.0).any()


class Samples:
    """A `SoundSource` of one channel at 16 kHz."""

    info = SoundInfo(16000, "mono", 1)

    def __init__(self, sound: np.ndarray) -> None:
        self._sound = sound.astype(np.float32)

    def __iter__(self) -> Iterator[SoundBlock]:
        for start in range(0, len(self._sound), 2048):
            yield SoundBlock(start, self._sound[None, start : start + 2048])

    def close(self) -> None: ...


@pytest.mark.parametrize("level", [-20, -40, -60])
@pytest.mark.parametrize("voice", ["slt", "kal", "rms"])
def test_a_voice_5_db_below_noise_is_silent_at_any_loudness_and_noise_alone_stays(
    model: SpeechModel, voice: str, level: int, tmp_path: Path
) -> None:
    """The figures of README.md."""
    wave = tmp_path / "voice.wav"
    ffmpeg("-f", "lavfi", "-i", f"flite=text='{SAYS}':voice={voice}", "-ar", "16000", wave)
    spoken_, _, _ = heard(wave)
    pad = 4 * 16000
    speech_ = np.pad(spoken_[0] / spoken_[0].std(), pad)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(speech_)))
    spectrum /= np.maximum(1, np.sqrt(np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum, len(speech_))
    noise *= 10 ** (5 / 20) / noise.std()
    for sound, silent in ((speech_ + noise, True), (noise, False)):
        source = Samples(sound * 10 ** (level / 20))
        muter = Muter(source, model.listener(source.info))
        made = np.concatenate([block.samples[0] for block in muter])
        voiced = np.abs(speech_) > 0.02 * np.abs(speech_).max()
        assert not made[voiced].any() if silent else made[voiced].all()


def test_a_voice_in_one_channel_or_against_itself_is_silent_in_both(
    model: SpeechModel,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    """Mixed, the two channels would cancel each other."""
    source, turned = spoken(tmp_path / "in.mp4", "-c:a", "aac"), tmp_path / "turned.mp4"
    against = "pan=stereo|c0=c0|c1=-1*c0"
    ffmpeg("-i", source, "-af", against, "-c:v", "copy", "-c:a", "aac", "-ar", "44100", turned)
    mute(turned, tmp_path / "out.mp4")
    made, rate, said = heard(tmp_path / "out.mp4")
    assert (rate, said) == (44100, "aac stereo")
    assert not between(made, rate, *SPOKEN).any()
    assert between(made, rate, 0.5, 3.0).std() > 0.01


@pytest.mark.parametrize("kind", [".mov", ".avi"])
def test_g711_of_cameras_becomes_aac_without_voices(
    model: SpeechModel,  # noqa: ARG001
    kind: str,
    tmp_path: Path,
) -> None:
    source = spoken(tmp_path / f"in{kind}", "-c:a", "pcm_alaw", "-ar", "8000")
    mute(source, tmp_path / "out.mp4")
    made, rate, said = heard(tmp_path / "out.mp4")
    assert (rate, said) == (8000, "aac mono")
    assert not between(made, rate, *SPOKEN).any()
    assert between(made, rate, 0.5, 3.0).std() > 0.01


def test_real_street_sound_stays(
    model: SpeechModel,  # noqa: ARG001
    shared: Path,
    tmp_path: Path,
) -> None:
    source = shared / "footage" / "street_near_audio.mp4"
    report = mute(source, tmp_path / "out.mp4")
    given, rate, said = heard(source)
    made, made_rate, made_said = heard(tmp_path / "out.mp4")
    assert (made_rate, made_said) == (rate, said)
    assert report.muted == 0
    assert alike(made[:, rate // 2 : rate * 2], given[:, rate // 2 : rate * 2]) > 0.9


# -- in step --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "later"), [(".mp4", "0"), (".mkv", "0"), (".mkv", "5"), (".mp4", "5.04")]
)
def test_a_flash_and_its_beep_stay_together(
    model: SpeechModel,  # noqa: ARG001
    kind: str,
    later: str,
    tmp_path: Path,
) -> None:
    source, out = tmp_path / f"in{kind}", tmp_path / "out.mp4"
    flash = "color=black:s=128x96:r=25:d=3,geq=lum='if(between(T,1.19,1.39),235,16)':cb=128:cr=128"
    beep = "aevalsrc=0.5*sin(2*PI*2000*t)*between(t\\,1.2\\,1.4):d=3:s=44100"
    lavfi(source, *X264, "-output_ts_offset", later, "-c:a", "aac", picture=flash, sound=beep)
    everywhere = Zone.of([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
    mute(source, out, Config(zone=everywhere, models=(), output=CONFIG.output))
    seen = []
    for path in (source, out):
        with av.open(str(path)) as file:
            lit = [f.time for f in file.decode(video=0) if f.to_ndarray()[:96].mean() > 100]
        sound, rate, _ = heard(path)
        loud = np.flatnonzero(np.abs(sound[0]) > 0.2) / rate
        seen.append((lit[0], loud[0], loud[-1]))
        assert lit[0] == pytest.approx(1.2 + float(later), abs=0.03)
        assert loud[0] == pytest.approx(lit[0], abs=0.03)
    assert seen[1][0] == pytest.approx(seen[0][0], abs=0.0001)
    assert seen[1][1:] == pytest.approx(seen[0][1:], abs=0.01)


def test_pieces_get_the_same_sound_as_the_whole(
    model: SpeechModel,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    source = spoken(tmp_path / "in.mp4", "-c:a", "aac")
    picture = f"{PICTURE[:-2]}60"
    long = tmp_path / "long.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-i", source, "-map", "0:v", "-map", "1:a", "-c:a", "copy"),
        *(*X264, "-g", "50", long),
    )
    for name, split in (("whole", None), ("parts", 20.0)):
        jobs = plan([long], tmp_path / name / "out.mp4")
        config = Config(zone=Zone.nothing(), models=(), output=CONFIG.output)
        assert run_batch(jobs, config, split=split).exit_code == 0
    whole, parts = (heard(tmp_path / name / "out.mp4") for name in ("whole", "parts"))
    assert np.array_equal(whole[0], parts[0])
    record = (tmp_path / "parts/out.mp4.redact.json").read_text()
    assert '"sound"' in record
    assert "pieces" in record


# -- what cannot be heard -------------------------------------------------------------------


def test_damaged_sound_is_silent_with_its_surroundings(
    model: SpeechModel,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    source, broken = tmp_path / "in.mkv", tmp_path / "broken.mkv"
    lavfi(source, *X264, "-c:a", "mp3", picture=PICTURE, sound="sine=f=440:d=11:r=48000")
    with av.open(str(source)) as whole, av.open(str(broken), "w") as file:
        copies = {s.index: file.add_stream_from_template(s) for s in whole.streams}
        for packet in whole.demux():
            if packet.size:
                spoilt = packet.stream.type == "audio" and 5 <= packet.pts * packet.time_base < 5.2
                made: Any = av.Packet(b"\x00" * packet.size if spoilt else bytes(packet))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.duration, made.is_keyframe = packet.duration, packet.is_keyframe
                made.stream = copies[packet.stream.index]
                file.mux(made)
    report = mute(broken, tmp_path / "out.mp4")
    sound, rate, _ = heard(tmp_path / "out.mp4")
    assert not between(sound, rate, 4.6, 5.6).any()
    assert between(sound, rate, 1, 4).std() > 0.01
    assert between(sound, rate, 6.2, 10.5).std() > 0.01
    assert "could not be judged" in " ".join(report.notes)


def test_missing_sound_is_silence_of_its_length_and_the_rest_keeps_its_time(
    model: SpeechModel,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    source = tmp_path / "in.mkv"
    beep = "aevalsrc=0.5*sin(2*PI*2000*t)*gt(t\\,8):d=11:s=48000,aselect='not(between(t,3,6))'"
    lavfi(source, *X264, "-c:a", "pcm_s16le", picture=PICTURE, sound=beep)
    mute(source, tmp_path / "out.mp4")
    sound, rate, _ = heard(tmp_path / "out.mp4")
    loud = np.flatnonzero(np.abs(sound[0]) > 0.2)
    assert loud[0] / rate == pytest.approx(8, abs=0.02)


def test_a_file_without_sound_stays_without(
    clip: Clips,
    model: SpeechModel,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    report = mute(clip("constant.mp4"), tmp_path / "out.mp4")
    assert report.muted is None
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert [s.type for s in file.streams] == ["video"]


@pytest.mark.parametrize(
    "fault", [ModelError("x"), MemoryError(), float("nan"), 7.0, "speech", None]
)
def test_a_network_that_fails_leaves_no_sound(
    model: SpeechModel,  # noqa: ARG001
    fault: Any,
    clip: Clips,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def judge(_listener: SpeechListener, _window: np.ndarray) -> Any:
        if isinstance(fault, Exception):
            raise fault
        return fault

    monkeypatch.setattr(SpeechListener, "_judge", judge)
    report = mute(clip("aac.mp4"), tmp_path / "out.mp4")
    assert not heard(tmp_path / "out.mp4")[0].any()
    assert "could not be judged" in report.notes[-1]


@pytest.mark.parametrize("answer", [(1, 1), (2, 2), "NaN", "state"])
def test_answers_of_the_network_that_make_no_sense_are_not_believed(
    model: SpeechModel,
    answer: Any,
) -> None:
    listener = model.listener(SoundInfo(16000, "mono", 1))

    class Network:
        title = "silero"

        def run(self, _feeds: Any) -> list[np.ndarray]:
            state = np.zeros((2, 2, 128), np.float32)
            if answer == "state":
                return [np.zeros((2, 1), np.float32), state[:, :1]]
            if answer == "NaN":
                return [np.zeros((2, 1), np.float32), state * np.nan]
            return [np.zeros(answer, np.float32), state]

    listener._network = Network()  # type: ignore[assignment]
    with pytest.raises(ModelError):
        listener.push(np.zeros((1, 1024), np.float32))


# -- asked for, and not to be had -----------------------------------------------------------


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), prog_name="redact")


def test_without_the_model_it_says_so_before_anything_is_written(
    clip: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech.importlib.util, "find_spec", lambda _name: None)
    out = tmp_path / "out"
    with pytest.raises(MissingDependencyError, match="pip install --no-deps silero-vad"):
        mute(clip("aac.mp4"), out / "a.mp4")
    words = ("run", str(clip("aac.mp4")), "-o", str(out / "a.mp4"), "--everyone")
    done = call(*words, "--audio", "mute-speech")
    assert done.exit_code == 3
    assert "pip install --no-deps silero-vad" in done.stderr
    assert not out.exists()


def test_another_file_is_not_taken_for_the_model(clip: Clips, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another")
    output = OutputOptions(audio="mute-speech", speech_model=str(other))
    config = Config(zone=Zone.nothing(), output=output)
    with pytest.raises(ModelError, match="is damaged or another one"):
        mute(clip("aac.mp4"), tmp_path / "out.mp4", config)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.onnx"]


def test_the_model_may_lie_where_the_configuration_says(
    model: SpeechModel,  # noqa: ARG001
    clip: Clips,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "vad.onnx").write_bytes(speech.speech_model().read_bytes())
    monkeypatch.setattr(speech.importlib.util, "find_spec", lambda _name: None)
    (tmp_path / "redact.toml").write_text(
        '[output]\naudio = "mute-speech"\nspeech_model = "vad.onnx"\n'
    )
    done = call(
        *("run", str(clip("aac.mp4")), "-o", str(tmp_path / "out.mp4"), "--everyone"),
        *("--config", str(tmp_path / "redact.toml"), "--json"),
    )
    assert done.exit_code == 0, done.stderr
    assert '"muted"' in done.stdout
    assert '"speech": "7671' in done.stdout


def test_a_finished_output_with_another_choice_of_sound_is_not_taken_for_this_one(
    model: SpeechModel,  # noqa: ARG001
    clip: Clips,
    tmp_path: Path,
) -> None:
    words = ("run", str(clip("aac.mp4")), "-o", str(tmp_path / "out.mp4"), "--everyone")
    assert call(*words).exit_code == 0
    again = call(*words, "--audio", "mute-speech")
    assert again.exit_code == 6
    assert "other settings" in again.stderr
    assert call(*words, "--audio", "mute-speech", "--overwrite").exit_code == 0
    assert "skipped" in call(*words, "--audio", "mute-speech", "--json").stdout


def test_what_gets_no_sound_refuses_to_mute_it(tmp_path: Path) -> None:
    from redact.relay.options import load_relay_config
    from redact.sinks import FfmpegSink

    config = '[output]\naudio = "mute-speech"\n'
    (tmp_path / "relay.toml").write_text(
        f'{config}[cameras.a]\nurl = "x.mp4"\neveryone = true\n'
        '[[cameras.a.outputs]]\nkind = "segments"\nfolder = "out"\n'
    )
    with pytest.raises(ConfigError, match="mutes no speech"):
        load_relay_config(tmp_path / "relay.toml")
    with pytest.raises(ConfigError, match="keeps no sound"):
        FfmpegSink(tmp_path / "a.mp4", OutputOptions(audio="mute-speech", encoder="libx264"))
    with pytest.raises(ConfigError, match="a filter gets no sound"):
        refuse_muting(CONFIG, "a filter")


def test_time_is_exact_to_the_sample(model: SpeechModel, tmp_path: Path) -> None:  # noqa: ARG001
    """An hour is not needed to see drift: the last beep of many is where it was."""
    source = tmp_path / "in.mkv"
    beeps = "aevalsrc=0.5*sin(2*PI*2000*t)*lt(mod(t\\,2)\\,0.1):d=31:s=22050"
    lavfi(source, *X264, "-c:a", "aac", picture="color=gray:s=64x48:r=5:d=31", sound=beeps)
    mute(source, tmp_path / "out.mp4")
    given, rate, _ = heard(source)
    made, _, _ = heard(tmp_path / "out.mp4")
    last = [np.flatnonzero(np.abs(s[0]) > 0.2)[-1] / rate for s in (given, made)]
    assert last[0] == pytest.approx(last[1], abs=float(Fraction(1, 100)))
