"""The sound of files: the same from the locked-down process, whose word nobody takes."""

from __future__ import annotations

import os
import signal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from mediaclips import X264, Clips, lavfi
from sandboxed import saying

from redact.errors import SourceError
from redact.muting import Muter
from redact.sound import SoundBlock, info_for
from redact.sources import PyAVSound, SandboxedCodedSound, SandboxedSound
from redact.sources.sandbox import process

WITH_SOUND = ["aac.mp4", "aac.mkv", "aac.ts", "alaw.mov", "alaw.avi", "edited.mp4", "flash.flv"]


def whole(blocks: list[SoundBlock]) -> np.ndarray:
    return np.concatenate([block.samples for block in blocks], axis=1)


@pytest.mark.parametrize("name", WITH_SOUND)
def test_sound_is_as_in_process(clip: Clips, name: str) -> None:
    plain, boxed = PyAVSound.of(clip(name)), SandboxedSound.of(clip(name))
    assert plain is not None
    assert boxed is not None
    with plain, boxed:
        assert boxed.info == plain.info
        one, other = list(plain), list(boxed)
    assert [(b.start, b.heard) for b in one] == [(b.start, b.heard) for b in other]
    assert np.array_equal(whole(one), whole(other))
    assert all(a.end == b.start for a, b in pairwise(one))
    assert whole(one).std() > 0.05


@pytest.mark.parametrize("kind", [PyAVSound, SandboxedSound])
def test_a_file_without_sound_has_none(
    clip: Clips, kind: type[PyAVSound] | type[SandboxedSound]
) -> None:
    assert kind.of(clip("constant.mp4")) is None


@pytest.mark.parametrize("kind", [PyAVSound, SandboxedSound])
def test_sound_of_which_nothing_can_be_decoded_is_one_clear_error(
    kind: type[PyAVSound] | type[SandboxedSound], tmp_path: Path
) -> None:
    source, broken = tmp_path / "in.mkv", tmp_path / "broken.mkv"
    lavfi(source, *X264, "-c:a", "flac", sound="sine=d=0.96")
    with av.open(str(source)) as good, av.open(str(broken), "w") as file:
        copies = {s.index: file.add_stream_from_template(s) for s in good.streams}
        for packet in good.demux():
            if packet.size:
                sound = packet.stream.type == "audio"
                made: av.Packet = av.Packet(bytes(packet.size) if sound else bytes(packet))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.stream = copies[packet.stream.index]
                file.mux(made)
    with pytest.raises(SourceError, match=r"broken\.mkv: its sound cannot be decoded; run it with"):
        kind.of(broken)


@pytest.mark.parametrize(("gap", "filled"), [(2, True), (30, False)])
def test_gaps_are_told(gap: int, filled: bool, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    cut = f"sine=f=440:d={gap + 4}:r=48000,aselect='not(between(t,2,{2 + gap}))'"
    lavfi(source, *X264, "-c:a", "pcm_s16le", sound=cut)
    sound = PyAVSound.of(source)
    assert sound is not None
    blocks = list(sound)
    sound.close()
    silent = sum(b.samples.shape[1] for b in blocks if not b.heard) / 48000
    jumps = [b.start - a.end for a, b in pairwise(blocks)]
    assert silent == pytest.approx(gap if filled else 0, abs=0.05)
    assert max(jumps) / 48000 == pytest.approx(0 if filled else gap, abs=0.05)
    assert blocks[-1].end / 48000 == pytest.approx(gap + 4, abs=0.05)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ((8000, "mono", 1), (8000, "mono", 1)),
        ((44100, "5.1", 6), (44100, "5.1", 6)),
        ((6000, "stereo", 2), (48000, "stereo", 2)),
        ((48000, "1 channels", 1), (48000, "mono", 1)),
        ((192000, "7.1(wide)", 8), (48000, "stereo", 2)),
    ],
)
def test_rates_and_layouts_stay_where_aac_has_them(
    given: tuple[int, str, int], made: tuple[int, str, int]
) -> None:
    info = info_for(*given)
    assert (info.rate, info.layout, info.channels) == made


# -- a process that crashes, hangs or lies ----------------------------------------------------


class Calm:
    """Hears nobody."""

    window = Fraction(1, 10)

    def push(self, samples: np.ndarray) -> list[float]:
        self._count += samples.shape[1]
        full, self._count = divmod(self._count, 4800)
        return [0.0] * full

    def flush(self) -> list[float]:
        return [0.0]

    def reset(self) -> None:
        self._count = 0


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGSTOP])
def test_when_its_decoder_crashes_or_hangs_the_rest_is_silent(
    number: signal.Signals, tmp_path: Path
) -> None:
    source = tmp_path / "in.mkv"
    lavfi(source, *X264, "-c:a", "pcm_s16le", sound="sine=d=60:r=48000")
    boxed = SandboxedSound(source)
    boxed._end.settimeout(2)
    muter = Muter(boxed, Calm())
    blocks = iter(muter)
    first = next(blocks)
    os.kill(boxed._child.pid, number)
    rest = list(blocks)
    assert first.samples.any()
    assert not rest[-1].samples.any()
    assert rest[-1].start < 60 * 48000
    assert "it ends early" in muter.note
    assert boxed._child.wait(5) is not None


SAYS = """
    import os, socket, sys, msgspec
    from redact.sources.sandbox.messages import *
    end = socket.socket(fileno=int(sys.argv[1]))
    tell = lambda message: end.send(msgspec.msgpack.encode(message))
    begin = lambda: tell(Sounding(48000, "mono", 1))
"""
LIES = {
    "noise": ("end.send(b'\\xc1\\xff' * 40)", "what is no message"),
    "pictures": ("tell(Ended(0))", "no description of sound"),
    "a rate without end": ("tell(Sounding(96001, 'mono', 1))", "what is no message"),
    "a rate that aac lacks": ("tell(Sounding(77, 'mono', 1))", "no description of sound"),
    "another layout": ("tell(Sounding(48000, 'stereo', 1))", "no description of sound"),
    "half a sample": ("begin(); tell(Sound(0, True, b'abc'))", "no next sound"),
    "back in time": (
        "begin(); tell(Sound(0, True, bytes(8))); tell(Sound(1, True, bytes(8)))",
        "no next sound",
    ),
    "more than came": ("begin(); tell(Ended(3))", "no next sound"),
    "leaves": ("begin()", "too early"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_lies_is_not_believed(
    clip: Clips, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, words = LIES[lie]
    monkeypatch.setattr(process, "start", saying(SAYS + "    " + code))
    with pytest.raises(SourceError, match=words), SandboxedSound(clip("aac.mp4")) as source:
        list(source)


CODED_LIES = {
    "noise": ("end.send(b'\\xc1\\xff' * 40)", "what is no message"),
    "another codec": ("tell(Coded('wmav2', 8000, 'mono', b'', (1, 8000)))", "no description of"),
    "no layout": ("tell(Coded('aac', 8000, 'mono|x', b'', (1, 8000)))", "no description of"),
    "a header without end": (
        "tell(Coded('aac', 8000, 'mono', bytes(12_001), (1, 8000)))",
        "what is no message",
    ),
    "a packet without end": ("begin(); tell(Unit(0, 0, 1, (1 << 20) + 1))", "what is no message"),
    "more bytes": ("begin(); tell(Unit(0, 0, 1, 3)); tell(Part(b'1234'))", "no next sound"),
    "too few bytes": ("begin(); tell(Unit(0, 0, 1, 3)); tell(Unit(1, 1, 1, 3))", "no next sound"),
    "bytes of nothing": ("begin(); tell(Part(b'1234'))", "no next sound"),
    "back in time": (
        "begin(); tell(Unit(1, 1, 1, 1)); tell(Part(b'1')); tell(Unit(1, 1, 1, 1))",
        "no next sound",
    ),
    "more than came": ("begin(); tell(Ended(3))", "no next sound"),
    "more than the file holds": (
        "begin()\n    for time in range(99):\n"
        "        tell(Unit(time, time, 1, 1 << 20)); left = 1 << 20\n"
        "        while left: tell(Part(bytes(min(left, PART)))); left -= min(left, PART)",
        "no next sound",
    ),
    "leaves": ("begin(); tell(Unit(0, 0, 1, 3))", "too early"),
}


@pytest.mark.parametrize("lie", CODED_LIES)
def test_packets_of_a_child_that_lies_are_not_believed(
    clip: Clips, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, words = CODED_LIES[lie]
    begin = SAYS.replace('Sounding(48000, "mono", 1)', "Coded('aac', 8000, 'mono', b'', (1, 9))")
    monkeypatch.setattr(process, "start", saying(begin + "    " + code))
    with (
        pytest.raises(SourceError, match=words),
        SandboxedCodedSound(clip("aac.mp4"), {"aac"}) as source,
    ):
        list(source)


def test_no_number_of_a_child_is_no_sound(clip: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "begin(); tell(Sound(0, True, b'\\xff' * 4096)); tell(Ended(1)); end.recv(9)"
    monkeypatch.setattr(process, "start", saying(SAYS + "    " + code))
    with SandboxedSound(clip("aac.mp4")) as source:
        muter = Muter(source, Calm())
        (block,) = muter
    assert not block.samples.any()
    assert "could not be judged" in muter.note


def test_the_process_is_locked_down(clip: Clips) -> None:
    with SandboxedSound(clip("aac.mp4")) as boxed:
        status = Path(f"/proc/{boxed._child.pid}/limits").read_text()
    assert "Max file size             0 " in status
    assert "Max core file size        0 " in status
