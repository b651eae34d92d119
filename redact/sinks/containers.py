"""What each output container can hold, and how it must be told to keep times exact."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from redact.errors import ConfigError
from redact.storage import Place


@dataclass(frozen=True, slots=True)
class Container:
    """format: FFmpeg's name. exact: keeps every time in the input's own ticks; otherwise times
    are rounded to `tick` seconds. audio: codecs that may be copied; others become AAC."""

    format: str
    exact: bool
    audio: frozenset[str]
    tick: Fraction = Fraction(0)

    def options(self, time_base: Fraction, *, in_store: bool = False) -> dict[str, str]:
        """Muxer options. bitexact: no writing application, no date. No silent time shifts.

        in_store: what has been sent cannot be moved, so the index of an mp4 stays at its end.
        """
        options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
        if self.exact:
            ticks = str(time_base.denominator)
            options |= {
                "movflags": "+faststart" if not in_store else "-faststart",
                "video_track_timescale": ticks,
                "movie_timescale": ticks,  # in which a start after zero is noted
            }
        return options


# Sound that may be copied. Not Vorbis, whose header holds tags; nor AC-3, into whose packets a
# muxer looks, and this process reads nothing that a stranger coded.
_MP4 = frozenset({"aac", "mp3", "alac", "opus", "flac"})
_MOV = frozenset({"aac", "mp3", "alac", "pcm_s16le", "pcm_alaw", "pcm_mulaw"})
_MKV = frozenset({"aac", "mp3", "opus", "flac", "pcm_s16le"})
CONTAINERS = {
    ".mp4": Container("mp4", True, _MP4),
    ".m4v": Container("mp4", True, _MP4),
    ".mov": Container("mov", True, _MOV),
    ".mkv": Container("matroska", False, _MKV, Fraction(1, 1000)),
}


def container_for(path: Place) -> Container:
    """The container that a file name asks for. Raises ConfigError for any that would not keep
    frame times (avi has a fixed rate, ts shifts its start) or cannot hold H.264 and H.265."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(CONTAINERS)
        raise ConfigError(
            f"{path}: outputs end in {known}, not {path.suffix or 'nothing'!r}: other "
            "containers do not keep the time of every frame"
        ) from None
