"""Clips with voices in them, made at test time."""

from __future__ import annotations

from pathlib import Path

from mediaclips import ffmpeg

PICTURE = "testsrc2=s=64x48:r=5:d=11"
SPOKEN = 4.0, 8.3  # seconds in which the voice speaks
SAYS = "Good morning this is the neighbour speaking did you see the parcel that came on Monday"
# Around the voice: a tone, pink noise, next to nothing, a chord whose notes come and go.
BACKGROUNDS = {
    "tone": "sine=f=440:d=11:r=48000,volume=0.6",
    "noise": "anoisesrc=d=11:c=pink:r=48000:a=0.05:s=7",
    "hush": "anoisesrc=d=11:c=white:r=48000:a=0.0003:s=7",
    "chord": "aevalsrc=0.05*(sin(2*PI*262*t)+sin(2*PI*330*t)+sin(2*PI*392*t))"
    "*(0.6+0.4*sin(2*PI*t)):d=11:s=48000",
}


def spoken(
    out: Path, *codec: str, voice: str = "slt", around: str = "tone", gain: str = "1"
) -> Path:
    """A picture, and a voice from 4 s on over a background that fills the clip."""
    graph = (
        f"[2:a]aresample=48000,volume={gain},adelay=4000:all=1,apad=whole_dur=11,atrim=end=8.2[v];"
        "[1:a][v]amix=2:duration=first:normalize=0[a]"
    )
    ffmpeg(
        *("-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", BACKGROUNDS[around]),
        *("-f", "lavfi", "-i", f"flite=text='{SAYS}':voice={voice}"),
        *("-filter_complex", graph, "-map", "0:v", "-map", "[a]"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-t", "11", *codec, out),
    )
    return out
