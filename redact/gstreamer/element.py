"""The element `redact`: raw video in, redacted raw video out, `look-back` frames later.

It fails closed: a frame on which a stage fails is hidden whole, and an error in the element
itself ends the pipeline. Held buffers are dropped at a flush and when the element stops.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstBase", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GObject, Gst, GstBase, GstVideo  # noqa: E402

from redact.build import load_detector, make_redactor, refuse_muting  # noqa: E402
from redact.config import (  # noqa: E402
    ConfigFile,
    config_of,
    load_config_file,
    load_zone,
    models_of,
)
from redact.errors import ConfigError  # noqa: E402
from redact.geometry import Zone  # noqa: E402
from redact.gstreamer.planes import Layout  # noqa: E402
from redact.redactor import Redactor  # noqa: E402
from redact.structures import Colour, Frame, RedactedFrame, StreamInfo  # noqa: E402

Gst.init(None)
_CAPS = Gst.Caps.from_string("video/x-raw,format=(string){I420,NV12}")
_NANOSECOND = Fraction(1, 1_000_000_000)
_DROPPED = Gst.FlowReturn.CUSTOM_SUCCESS  # BaseTransform's word for "nothing now"
_ALWAYS = Gst.PadPresence.ALWAYS
_NONE = Gst.CLOCK_TIME_NONE
_FLAGS = GObject.ParamFlags.READWRITE
_STEP = 40_000_000  # ns between frames of a stream that says nothing


def _text(blurb: str) -> Any:
    return GObject.Property(type=str, default="", blurb=blurb, flags=_FLAGS)


class RedactElement(GstBase.BaseTransform):  # type: ignore[misc]
    """See the module. One stream; GStreamer calls it from its streaming thread."""

    __gstmetadata__ = (
        "Redact",
        "Filter/Effect/Video",
        "Hides everyone beyond a property",
        "redact",
    )
    __gsttemplates__ = (
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, _ALWAYS, _CAPS),
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, _ALWAYS, _CAPS),
    )
    config = _text("A redact.toml")
    zone = _text("The property: a zone.json; over that of config")
    everyone = GObject.Property(type=bool, default=False, blurb="No property: hide everyone")
    model = _text("Detectors, parted by commas, or none; over those of config")
    effect = _text("blur, fill or erase; over that of config")
    look_back = GObject.Property(
        type=int, default=-1, minimum=-1, maximum=1000, blurb="Frames held back; -1: of config"
    )

    def __init__(self) -> None:
        super().__init__()
        self.set_in_place(True)
        self.set_qos_enabled(False)
        self._redactor: Redactor | None = None
        self._held: deque[tuple[int, Any, ExitStack]] = deque()
        self._index = 0
        self._last = -1
        answered = Gst.PadProbeType.QUERY_UPSTREAM | Gst.PadProbeType.PULL
        self.srcpad.add_probe(answered, self._answered)

    # -- life ----------------------------------------------------------------------------------

    def do_start(self) -> bool:
        """Read the configuration and load the models, before any frame."""
        try:
            self._config = self._make_config()
            refuse_muting(self._config, "the element")
            self._detector = load_detector(self._config)
        except Exception as error:  # noqa: BLE001 - an exception must not pass into C
            return self._fail(error)
        return True

    def _make_config(self) -> Any:
        where = Path(self.config) if self.config else Path("redact.toml")
        file = load_config_file(where) if self.config else ConfigFile()
        changes: dict[str, Any] = {}
        if self.effect:
            kind = type(file.effect)(**_fields(file.effect) | {"kind": self.effect})
            changes["effect"] = kind
        if self.look_back >= 0:
            changes["look_back"] = self.look_back
        if self.zone and self.everyone:
            raise ConfigError("zone and everyone exclude each other; set one of them")
        zone = Zone.nothing() if self.everyone else load_zone(self.zone) if self.zone else None
        if zone is None and file.zone is None:
            raise ConfigError("no property is given; set zone=zone.json, or everyone=true")
        if self.model:
            changes["models"] = [str(m) for m in models_of(self.model.split(","), Path.cwd())]
        return config_of(type(file)(**_fields(file) | changes), where, zone)

    def do_stop(self) -> bool:
        try:
            self._drop()
        except Exception as error:  # noqa: BLE001 - an exception must not pass into C
            return self._fail(error)
        return True

    def do_set_caps(self, incaps: Any, _outcaps: Any) -> bool:
        try:
            info = GstVideo.VideoInfo.new_from_caps(incaps)
            rate = Fraction(info.fps_n, info.fps_d) if info.fps_n and info.fps_d else None
            self._video = info
            self._nv12 = info.finfo.name == "NV12"
            stream = StreamInfo(
                info.width,
                info.height,
                time_base=_NANOSECOND,
                frame_rate=rate,
                colour=_colour(info.colorimetry),
                live=True,
            )
            self._colour = stream.colour
            self._step = round(1_000_000_000 / rate) if rate else _STEP
            self._redactor = make_redactor(stream, self._config, self._detector, on_failure="hide")
        except Exception as error:  # noqa: BLE001 - an exception must not pass into C
            return self._fail(error)
        self.post_message(Gst.Message.new_latency(self))
        return True

    # -- frames --------------------------------------------------------------------------------

    def do_transform_ip(self, buffer: Any) -> Any:
        try:
            if self._redactor is None:
                return Gst.FlowReturn.NOT_NEGOTIATED
            frame = self._take(buffer)
            flow = self._send(self._redactor.push(frame))
        except Exception as error:  # noqa: BLE001 - an exception must not pass into C
            self._fail(error)
            return Gst.FlowReturn.ERROR
        return _DROPPED if flow == Gst.FlowReturn.OK else flow

    def _take(self, buffer: Any) -> Frame:
        mapped = ExitStack()
        memory = mapped.enter_context(buffer.map(Gst.MapFlags.READ)).data
        y, u, v = self._layout(buffer).read(memory)
        self._held.append((self._index, buffer, mapped))
        duration = self._step if buffer.duration == _NONE else buffer.duration
        pts = self._last + duration if buffer.pts == _NONE else buffer.pts
        self._last = max(self._last + 1, pts)
        self._index += 1
        return Frame(
            y,
            u,
            v,
            pts=self._last,
            time_base=_NANOSECOND,
            index=self._index - 1,
            duration=duration,
            colour=self._colour,
            corrupt=bool(buffer.get_flags() & Gst.BufferFlags.CORRUPTED),
        )

    def _layout(self, buffer: Any) -> Layout:
        """What the buffer says of itself wins over the caps: decoders pad their planes."""
        meta = GstVideo.buffer_get_video_meta(buffer)
        told = self._video if meta is None else meta
        planes = 2 if self._nv12 else 3
        offsets, strides = list(told.offset)[:planes], list(told.stride)[:planes]
        return Layout(self._video.width, self._video.height, self._nv12, offsets, strides)

    def _send(self, finished: list[RedactedFrame]) -> Any:
        flow = Gst.FlowReturn.OK
        while finished:
            frame = finished.pop(0)
            index, buffer, mapped = self._held.popleft()
            if index != frame.index:
                raise RuntimeError(f"frame {frame.index} came out where {index} was due")
            painted = frame.hidden > 0
            planes = (frame.y, frame.u, frame.v) if painted else None
            del frame
            mapped.close()
            if planes is not None:
                with buffer.map(Gst.MapFlags.READ | Gst.MapFlags.WRITE) as out:
                    self._layout(buffer).write(out.data, planes)
            if flow == Gst.FlowReturn.OK:
                flow = self.srcpad.push(buffer)
        return flow

    def _flush(self) -> Any:
        """Everything that is held back goes out now."""
        return Gst.FlowReturn.OK if self._redactor is None else self._send(self._redactor.flush())

    def _drop(self) -> None:
        try:
            if self._redactor is not None:
                self._redactor.flush()
        finally:
            while self._held:
                self._held.popleft()[2].close()

    # -- events and queries --------------------------------------------------------------------

    def do_sink_event(self, event: Any) -> bool:
        try:
            if event.type in (Gst.EventType.EOS, Gst.EventType.CAPS, Gst.EventType.SEGMENT):
                self._flush()
            elif event.type == Gst.EventType.FLUSH_STOP:
                self._drop()
            elif event.type == Gst.EventType.GAP:
                return True  # it would overtake what is held back
        except Exception as error:  # noqa: BLE001 - an exception must not pass into C
            return self._fail(error)
        return bool(GstBase.BaseTransform.do_sink_event(self, event))

    def _answered(self, _pad: Any, info: Any) -> Any:
        """Add what is held back to the latency that the elements before answered. A probe, as
        `query` is the name of two methods of the base classes, and so of none here."""
        query = info.get_query()
        if query.type == Gst.QueryType.LATENCY and self._redactor is not None:
            live, low, high = query.parse_latency()
            held = self._redactor.delay * self._step
            query.set_latency(live, low + held, high if high == _NONE else high + held)
        return Gst.PadProbeReturn.OK

    def _fail(self, error: Exception) -> bool:
        known = type(error).__module__.startswith("redact")
        said = str(error) if known else f"{type(error).__name__}: {error}"
        trouble = GLib_error(said)
        self.post_message(Gst.Message.new_error(self, trouble, said))
        return False


def GLib_error(said: str) -> Any:  # noqa: N802 - made like a class of GLib
    from gi.repository import GLib

    return GLib.Error.new_literal(Gst.StreamError.quark(), said, Gst.StreamError.FAILED)


def _colour(told: Any) -> Colour:
    """GStreamer's names for what H.273 numbers: models see the same colours as in a file."""
    matrix = GstVideo.video_color_matrix_to_iso(told.matrix)
    primaries = GstVideo.video_color_primaries_to_iso(told.primaries)
    transfer = GstVideo.video_transfer_function_to_iso(told.transfer)
    full = told.range == GstVideo.VideoColorRange(1)
    return Colour(full, *(int(n) or 2 for n in (matrix, primaries, transfer)))


def _fields(section: Any) -> dict[str, Any]:
    return {name: getattr(section, name) for name in section.__struct_fields__}


GObject.type_register(RedactElement)
ELEMENT = ("redact", Gst.Rank.NONE, RedactElement)
