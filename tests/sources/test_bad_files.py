"""Every kind of bad file gives one clear SourceError that names it, and leaves nothing behind."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from mediaclips import (
    HEIGHT,
    PICTURE,
    WIDTH,
    X264,
    Clips,
    encode,
    ffmpeg,
    lavfi,
    pass_through,
    pictures,
)

from redact.errors import SourceError
from redact.sources import PyAVSource

Maker = Callable[[Clips, Path], None]


def cut(name: str, share: float) -> Maker:
    def make(clip: Clips, out: Path) -> None:
        data = clip(name).read_bytes()
        out.write_bytes(data[: int(len(data) * share)])

    return make


def content(data: bytes) -> Maker:
    return lambda _clip, out: out.write_bytes(data) and None


def cut_fast_start(clip: Clips, out: Path) -> None:
    whole = out.with_name("whole.mp4")
    ffmpeg("-i", clip("constant.mp4"), "-c", "copy", "-movflags", "+faststart", whole)
    out.write_bytes(whole.read_bytes()[:-900])
    whole.unlink()


def lose_a_fragment(clip: Clips, out: Path) -> None:
    """The last moof is there, its mdat is not."""
    data = clip("pieces.mp4").read_bytes()
    out.write_bytes(data[: data.rindex(b"mdat") - 4])


def lose_bytes_inside(clip: Clips, out: Path) -> None:
    """Some bytes of the first fragment are gone, so that nothing after it is where it was."""
    data = bytearray(clip("pieces.mp4").read_bytes())
    at = data.index(b"mdat") + 500
    del data[at : at + 300]
    out.write_bytes(data)


def break_a_cluster(clip: Clips, out: Path) -> None:
    """One flipped bit in front of a cluster: FFmpeg skips the cluster without a word."""
    data = bytearray(clip("aac.mkv").read_bytes())
    data[data.rindex(b"\x1f\x43\xb6\x75")] ^= 0x40
    out.write_bytes(data)


def _block(data: bytes) -> int:
    """Where the fifth picture of a Matroska file begins."""
    at = data.index(b"\x1f\x43\xb6\x75")
    found = [
        m.start() for m in re.finditer(rb"\xa3[^\0]{1,2}\x81..[\x00\x80]", data[at:], re.DOTALL)
    ]
    return at + found[4]


def cut_within_a_length(clip: Clips, out: Path) -> None:
    """Two bytes of the next fragment's length are there: zeros."""
    data = clip("pieces.mp4").read_bytes()
    at = data.rindex(b"moof") - 4
    out.write_bytes(data[: at + 2])


def rename_a_block(clip: Clips, out: Path) -> None:
    """One flipped bit makes another element of a picture, which FFmpeg passes over."""
    data = bytearray(clip("vp9.webm").read_bytes())
    data[_block(data)] ^= 0x08
    out.write_bytes(data)


def give_a_block_to_nobody(clip: Clips, out: Path) -> None:
    """A picture of a track that does not exist."""
    data = bytearray(clip("vp9.webm").read_bytes())
    at = data.index(b"\x81", _block(data))
    data[at] = 0x85
    out.write_bytes(data)


def lace_a_block(clip: Clips, out: Path) -> None:
    """A picture says that it is several, of sizes that it has no room for: FFmpeg leaves it out."""
    data = bytearray(clip("vp9.webm").read_bytes())
    at = data.index(b"\x81", _block(data)) + 3
    data[at : at + 4] = b"\x06\xff\x7f\xff"
    out.write_bytes(data)


def lose_a_picture_without_key_frames(clip: Clips, out: Path) -> None:
    """The table of key frames names none that there is, and one picture is no picture: the decoder
    skips it without a word."""
    data = bytearray(clip("hevc.mp4").read_bytes())
    at = data.index(b"stss") + 12
    data[at : at + 4] = (5000).to_bytes(4)
    with av.open(str(clip("hevc.mp4"))) as file:
        stream = file.streams.video[0]
        sizes = [(e.size, e.pos) for e in stream.index_entries if not e.is_keyframe]
    data[min(sizes)[1] + 4] |= 0x80  # a bit that is always zero
    out.write_bytes(data)


def break_a_chunk(clip: Clips, out: Path) -> None:
    """One lost byte before the pictures: FFmpeg finds all but the first again."""
    data = bytearray(clip("motion.avi").read_bytes())
    del data[data.index(b"JUNK", data.index(b"strh")) + 1]
    out.write_bytes(data)


def break_an_index_entry(clip: Clips, out: Path) -> None:
    """The last picture of an avi gets a name that is none: its index still counts it."""
    data = bytearray(clip("motion.avi").read_bytes())
    at = data.rindex(b"00dc", 0, data.rindex(b"idx1"))
    data[at : at + 4] = b"JUNK"
    out.write_bytes(data)


def break_a_chunk_and_its_entry(clip: Clips, out: Path) -> None:
    """Neither the last picture of an avi nor its entry in the index can be told: the header, which
    counts pictures, alone knows of it."""
    data = bytearray(clip("motion.avi").read_bytes())
    for before in (data.rindex(b"idx1"), len(data)):
        at = data.rindex(b"00dc", 0, before)
        data[at : at + 4] = b"JUNK"
    out.write_bytes(data)


def break_the_name_of_the_container(clip: Clips, out: Path) -> None:
    """FFmpeg then finds raw pictures in it: those after the first that it recognises."""
    data = bytearray(clip("bframes.avi").read_bytes())
    data[8:12] = b"\0\0\0\1"
    out.write_bytes(data)


def give_two_pictures_one_time(clip: Clips, out: Path) -> None:
    with av.open(str(clip("constant.mp4"))) as whole, av.open(str(out), "w") as file:
        copy = file.add_stream_from_template(whole.streams.video[0])
        packets = [p for p in whole.demux(whole.streams.video[0]) if p.size]
        packets[6].pts = packets[5].pts
        for packet in packets:
            packet.stream = copy
            file.mux(packet)


def break_a_tag(clip: Clips, out: Path) -> None:
    """The head of one tag of an flv is overwritten: FFmpeg skips its picture."""
    data = bytearray(clip("flash.flv").read_bytes())
    at = 13
    for _ in range(12):
        at += 15 + int.from_bytes(data[at + 1 : at + 4])
    data[at : at + 4] = b"wxyz"
    out.write_bytes(data)


def fifth_picture(data: bytearray) -> int:
    """Where its tag begins in an flv."""
    at, pictures = 13, 0
    while pictures < 5:
        at += 15 + int.from_bytes(data[at + 1 : at + 4])
        pictures += data[at] == 9
    return at


def break_a_picture_tag(clip: Clips, out: Path) -> None:
    """A picture is called one of another codec: FFmpeg skips it."""
    data = bytearray(clip("flash.flv").read_bytes())
    data[fifth_picture(data) + 11] = 0
    out.write_bytes(data)


def call_a_picture_a_header(clip: Clips, out: Path) -> None:
    data = bytearray(clip("flash.flv").read_bytes())
    at = fifth_picture(data)
    assert data[at + 11] & 15 == 7
    data[at + 12] = 0
    out.write_bytes(data)


def cut_behind_a_tag(clip: Clips, path: Path) -> None:
    """The last picture of an flv is gone, without a byte too many or too few."""
    data = clip("flash.flv").read_bytes()
    for _ in range(2):  # the end of the sequence, and a picture
        data = data[: -4 - int.from_bytes(data[-4:])]
    path.write_bytes(data)


def cut_within_a_tag(clip: Clips, out: Path) -> None:
    """Four bytes of the first picture are left."""
    data = clip("flash.flv").read_bytes()
    at = 13
    while data[at] != 9:
        at += 15 + int.from_bytes(data[at + 1 : at + 4])
    out.write_bytes(data[: at + 15])


def overwrite_the_last_fragment(clip: Clips, out: Path) -> None:
    """Noise to the end: FFmpeg takes it for what follows the last box, which it ignores."""
    data = bytearray(clip("pieces.mp4").read_bytes())
    at = data.rindex(b"moof") - 4
    out.write_bytes(data[:at] + random.Random(5).randbytes(len(data) - at))


def let_fragments_overlap(clip: Clips, out: Path) -> None:
    """A fragment begins before the one before it ended: FFmpeg leaves out its first pictures."""
    data = bytearray(clip("pieces.mp4").read_bytes())
    at = data.rindex(b"tfdt") + 8
    assert data[at - 4] == 1, "eight bytes"
    begin = int.from_bytes(data[at : at + 8])
    data[at : at + 8] = (begin - 600).to_bytes(8)
    out.write_bytes(data)


def lose_samples(clip: Clips, out: Path) -> None:
    """An index that points beyond the end of a file that is whole by its boxes."""
    data = bytearray(clip("constant.mp4").read_bytes())
    at = data.index(b"stco") + 12
    data[at : at + 4] = (len(data) - 2000).to_bytes(4)
    out.write_bytes(data)


def shorten_the_end(clip: Clips, out: Path) -> None:
    """A Matroska file whose last cluster was dropped and whose segment size was not written."""
    data = bytearray(clip("bt709.mkv").read_bytes())
    at = data.index(b"\x18\x53\x80\x67") + 4
    data[at : at + 8] = b"\x01" + b"\xff" * 7
    out.write_bytes(data[: int(len(data) * 0.7)])


def sound_only(_clip: Clips, out: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", out)


def cover_only(_clip: Clips, out: Path) -> None:
    cover = out.with_name("cover.png")
    lavfi(cover, "-frames:v", "1")
    sound = ("-f", "lavfi", "-i", "sine=d=0.2", "-i", cover, "-map", "0", "-map", "1")
    ffmpeg(*sound, "-c:v", "copy", "-disposition:v", "attached_pic", out)
    cover.unlink()


def change_size(_clip: Clips, out: Path) -> None:
    larger = PICTURE.replace(f"{WIDTH}x{HEIGHT}", "160x128")
    parts = []
    for index, picture in enumerate((PICTURE, larger)):
        part = out.with_name(f"part{index}.h264")
        lavfi(part, *X264, picture=picture)
        parts.append(part.read_bytes())
        part.unlink()
    out.write_bytes(b"".join(parts))


def step_back_in_time(clip: Clips, out: Path) -> None:
    out.write_bytes(clip("aac.ts").read_bytes() * 2)


def slanted(_clip: Clips, out: Path) -> None:
    encode(out, pictures(4), matrix=[46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30])


def huge(_clip: Clips, out: Path) -> None:
    out.write_bytes(b"YUV4MPEG2 W65000 H65000 F25:1 C420\nFRAME\n" + bytes(1000))


def playlist(clip: Clips, out: Path) -> None:
    name = clip("aac.ts")
    out.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n")


def session(_clip: Clips, out: Path) -> None:
    out.write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\n")


def concat(clip: Clips, out: Path) -> None:
    out.write_text(f"ffconcat version 1.0\nfile {clip('aac.ts')}\n")


def broken_packets(clip: Clips, out: Path) -> None:
    """Every picture's bytes are noise, the container around them is whole."""
    data = bytearray(clip("constant.mp4").read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = random.Random(1).randbytes(end - start)
    out.write_bytes(data)


BAD: dict[str, tuple[Maker, str]] = {
    "empty.mp4": (content(b""), "empty"),
    "text.mp4": (content(b"hello " * 1000), "not a video file"),
    "text.txt": (content(b"one line\n" * 500), "not in a format"),
    "noise.mp4": (content(random.Random(2).randbytes(20_000)), "not a video file"),
    "zeros.mp4": (content(bytes(20_000)), "not a video file"),
    "no-index.mp4": (cut("constant.mp4", 0.6), "cut short"),
    "fast-start.mp4": (cut_fast_start, "cut short"),
    "pieces-half.mp4": (cut("pieces.mp4", 0.5), "cut short"),
    "pieces-most.mp4": (cut("pieces.mp4", 0.97), "cut short"),
    "pieces-no-data.mp4": (lose_a_fragment, "cut short"),
    "pieces-bytes-lost.mp4": (lose_bytes_inside, ""),
    "cluster.mkv": (break_a_cluster, "is damaged at byte"),
    "renamed.webm": (rename_a_block, "is damaged at byte"),
    "nobody.webm": (give_a_block_to_nobody, "is damaged at byte"),
    "laced.webm": (lace_a_block, "promises 24 frames but holds"),
    "keyless.mp4": (lose_a_picture_without_key_frames, "cannot be decoded"),
    "chunk.avi": (break_a_chunk, "is damaged at byte"),
    "index.avi": (break_an_index_entry, ""),
    "entry.avi": (break_a_chunk_and_its_entry, "cut short"),
    "nameless.avi": (break_the_name_of_the_container, "is not a video file"),
    "twice.mkv": (give_two_pictures_one_time, "does not follow"),
    "tag.flv": (break_a_tag, "is damaged at byte"),
    "codec.flv": (break_a_picture_tag, "is damaged at byte"),
    "header.flv": (call_a_picture_a_header, "is damaged at byte"),
    "cut-behind-a-tag.flv": (cut_behind_a_tag, "cut short"),
    "cut-tag.flv": (cut_within_a_tag, "cut short"),
    "pieces-noise.mp4": (overwrite_the_last_fragment, "is damaged at byte"),
    "pieces-tail.mp4": (
        lambda clip, out: out.write_bytes(clip("pieces.mp4").read_bytes() + b"moo"),
        "is damaged at byte",
    ),
    "pieces-length.mp4": (cut_within_a_length, "is damaged at byte"),
    "pieces-overlap.mp4": (let_fragments_overlap, "overlap in time"),
    "index-beyond.mp4": (lose_samples, ""),
    "half.mkv": (cut("bt709.mkv", 0.5), "cut short"),
    "most.mkv": (cut("bt709.mkv", 0.97), "cut short"),
    "unfinished-size.mkv": (shorten_the_end, "cut short"),
    "with-sound.mkv": (cut("aac.mkv", 0.9), "cut short"),
    "half.webm": (cut("vp9.webm", 0.5), "cut short"),
    "half.flv": (cut("flash.flv", 0.5), ""),
    "half.avi": (cut("motion.avi", 0.5), "cut short"),
    "most.avi": (cut("motion.avi", 0.95), "cut short"),
    "sound.m4a": (sound_only, "no video"),
    "sound.wav": (sound_only, "no video"),
    "cover.mp3": (cover_only, "only a cover"),
    "larger.h264": (change_size, "size changes from 128x96 to 160x128"),
    "back-in-time.ts": (step_back_in_time, ""),
    "slanted.mp4": (slanted, "display matrix"),
    "huge.y4m": (huge, "not a video file"),
    "list.m3u8": (playlist, "not in a format"),
    "camera.sdp": (session, "not a video file"),
    "list.ffconcat": (concat, "not in a format"),
    "noise-inside.mp4": (broken_packets, "frame 0"),
    "folder.mp4": (lambda _clip, out: out.mkdir(), "is a folder"),
    "pipe.mp4": (lambda _clip, out: os.mkfifo(out), "not a regular file"),
    "loop.mp4": (lambda _clip, out: out.symlink_to(out), "cannot be read"),
    "missing.mp4": (lambda _clip, _out: None, "no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_clear_error(clip: Clips, name: str, tmp_path: Path) -> None:
    make, words = BAD[name]
    path, outputs = tmp_path / name, tmp_path / "outputs"
    outputs.mkdir()
    make(clip, path)
    with pytest.raises(SourceError) as caught:
        pass_through(path, outputs / "out.mp4")
    message = str(caught.value)
    assert type(caught.value) is SourceError
    assert message.startswith(str(path))
    assert words in message
    assert ";" in message, "says what to do"
    assert "\n" not in message
    assert "Errno" not in message
    assert list(outputs.iterdir()) == []


def test_a_file_without_permission_is_one_clear_error(clip: Clips, tmp_path: Path) -> None:
    path = tmp_path / "locked.mp4"
    path.write_bytes(clip("constant.mp4").read_bytes())
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: ask as somebody else
        script = (
            "import os, sys, redact.sources.pyav as p; os.setegid(65534); os.seteuid(65534)\n"
            "try: p.PyAVSource(sys.argv[1])\n"
            "except Exception as e: print(type(e).__name__, e)"
        )
        tmp_path.chmod(0o755)
        for folder in tmp_path.parents[:3]:
            folder.chmod(0o755)
        ran = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
        )
        assert ran.stdout.startswith(f"SourceError {path}: cannot be read: Permission denied;")
    else:
        with pytest.raises(SourceError, match="Permission denied; check its permissions"):
            PyAVSource(path)


@pytest.mark.parametrize("seed", range(10))
def test_flipped_bits_are_an_error_or_leave_marked_frames(
    clip: Clips, seed: int, tmp_path: Path
) -> None:
    """No frame goes missing in silence, and frames with damage say so."""
    data = bytearray(clip("constant.mp4").read_bytes())
    chance = random.Random(seed)
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    for _ in range(40):
        data[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    path = tmp_path / "flipped.mp4"
    path.write_bytes(data)
    frames, complaint = [], None
    try:
        with PyAVSource(path) as source:
            frames += [frame.corrupt for frame in source]
    except SourceError as error:
        complaint = str(error)
    if complaint is None:
        assert len(frames) == 24
        assert any(frames)
    else:
        assert complaint.startswith(f"{path}: frame ")


def test_pictures_beyond_the_limit_are_refused_before_they_are_made(clip: Clips) -> None:
    with pytest.raises(SourceError, match="128x96 is more than 1000 pixels"):
        PyAVSource(clip("constant.mp4"), max_pixels=1000)
    with pytest.raises(SourceError, match=str(clip("motion.avi"))):
        PyAVSource(clip("motion.avi"), max_pixels=1000)


def test_without_its_own_end_a_stream_is_held_to_that_of_the_file(
    clip: Clips, tmp_path: Path
) -> None:
    """Writers other than FFmpeg note no end per track; sound may outlast the picture."""
    whole, less = tmp_path / "whole.mkv", tmp_path / "less.mkv"
    data = bytearray(clip("aac.mkv").read_bytes().replace(b"DURATION", b"XURATION"))
    whole.write_bytes(data)
    with PyAVSource(whole) as source:
        assert source.info.duration is None
        assert sum(1 for _ in source) == 24
    at = data.index(b"\x18\x53\x80\x67") + 4
    data[at : at + 8] = b"\x01" + b"\xff" * 7
    less.write_bytes(data[: len(data) // 3])
    with pytest.raises(SourceError, match="promises to end at 1"), PyAVSource(less) as source:
        list(source)


@pytest.mark.parametrize("claimed", [(0xFFFF, 0xFFFF), (16, 16)])
def test_a_header_that_lies_about_the_size_changes_nothing(
    clip: Clips, claimed: tuple[int, int], tmp_path: Path
) -> None:
    """The picture has the size that its own codec says, and no more memory is taken."""
    data = bytearray(clip("constant.mp4").read_bytes())
    at = data.index(b"avc1", data.index(b"stsd")) + 4 + 24
    data[at : at + 4] = b"".join(n.to_bytes(2) for n in claimed)
    path = tmp_path / "lies.mp4"
    path.write_bytes(data)
    with PyAVSource(path) as source:
        assert (source.info.width, source.info.height) == (WIDTH, HEIGHT)
        assert {frame.y.shape for frame in source} == {(HEIGHT, WIDTH)}


@pytest.mark.parametrize("zeros", [b"", bytes(5000)], ids=["none", "zeros"])
def test_a_header_that_was_never_completed_promises_nothing(
    clip: Clips, zeros: bytes, tmp_path: Path
) -> None:
    """Padding behind the last box, as some cameras leave it, is no damage."""
    path = tmp_path / "padded.mp4"
    path.write_bytes(clip("constant.mp4").read_bytes() + zeros)
    with PyAVSource(path) as source:
        assert sum(1 for _ in source) == 24
