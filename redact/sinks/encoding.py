"""The encoder: x264 or x265 in the input's own ticks, with the input's own tags."""

from __future__ import annotations

from fractions import Fraction

from av.codec.context import CodecContext, Flags
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from redact.config import OutputOptions
from redact.sinks.containers import Container
from redact.sinks.pictures import Pictures
from redact.structures import StreamInfo

LIMITED, FULL = 1, 2  # AVCOL_RANGE_*
# a53cc, udu_sei: captions and user data of the input never reach the output.
_QUIET = {"a53cc": "0", "udu_sei": "0"}
_ENCODERS = {"h264": "libx264", "h265": "libx265"}
_NOMINAL = Fraction(25)  # rate that a stream without one is taken to have, for rate control


def add_video(
    output: OutputContainer,
    container: Container,
    options: OutputOptions,
    info: StreamInfo,
    pictures: Pictures,
    *,
    set_id: int = 0,
) -> VideoStream:
    """Add the one video stream. set_id: of H.264's parameter sets. Raises what PyAV raises."""
    stream = output.add_stream(_ENCODERS[options.codec], rate=nominal_rate(info))
    assert isinstance(stream, VideoStream)
    configure(stream.codec_context, container, options, info, pictures, set_id)
    if info.rotation:
        stream.set_display_rotation(-info.rotation)  # counter-clockwise there
    return stream


def new_encoder(
    container: Container,
    options: OutputOptions,
    info: StreamInfo,
    pictures: Pictures,
    set_id: int,
) -> VideoCodecContext:
    """An encoder like that of `add_video`, for more of the same stream."""
    context = CodecContext.create(_ENCODERS[options.codec], "w")
    assert isinstance(context, VideoCodecContext)
    context.framerate = nominal_rate(info)
    context.flags |= Flags.global_header
    configure(context, container, options, info, pictures, set_id)
    return context


def configure(
    context: VideoCodecContext,
    container: Container,
    options: OutputOptions,
    info: StreamInfo,
    pictures: Pictures,
    set_id: int,
) -> None:
    """Tell an encoder that is not open yet what to make."""
    hevc = options.codec == "h265"
    context.options = {"preset": options.preset, "crf": str(options.crf), **_QUIET}
    if hevc:
        context.options["x265-params"] = "log-level=none:info=0"
    elif set_id:
        context.options["x264-params"] = f"sps-id={set_id}"
    context.width, context.height = pictures.width, pictures.height
    context.time_base = info.time_base
    if container.exact and not regular(info):
        context.max_b_frames = 0
    context.pix_fmt = pictures.pixel_format
    if hevc and container.exact:
        context.codec_tag = "hvc1"  # the tag that Apple's players insist on
    colour = info.colour
    context.color_range = FULL if colour.full_range else LIMITED
    context.colorspace = colour.matrix
    context.color_primaries = colour.primaries
    context.color_trc = colour.transfer
    aspect = info.sample_aspect
    context.sample_aspect_ratio = 1 / aspect if info.rotation % 180 else aspect


def regular(info: StreamInfo) -> bool:
    """True where frames lie on a grid of whole ticks. Elsewhere mp4, which counts durations
    between decoding times, would misstate them for reordered frames: then no B-frames."""
    rate = info.frame_rate
    return rate is not None and (1 / (rate * info.time_base)).denominator == 1


def nominal_rate(info: StreamInfo) -> Fraction:
    """Frames per second for rate control and level; times come from the frames themselves."""
    if info.frame_rate:
        return info.frame_rate
    if info.frame_count and info.duration:
        mean = (info.frame_count / info.duration).limit_denominator(1001)
        return min(max(mean, Fraction(1)), Fraction(240))
    return _NOMINAL
