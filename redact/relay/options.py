"""`relay.toml`: cameras, their outputs, and what is told about them. As strict as `redact.toml`."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, field

from redact.config import Config, ConfigFile, HidingSections, Section, config_of, load_zone
from redact.errors import ConfigError
from redact.geometry import Zone

Length = Annotated[float, Meta(gt=0, le=86_400)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Keep = Annotated[float, Meta(ge=0, le=1e6)]
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9_.-]*)+")
_USER = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class RtspOutput(Section, frozen=True, tag_field="kind", tag="rtsp"):
    """Push to a server that records (ANNOUNCE, RECORD). url: may hold ${VARIABLES}."""

    url: str
    transport: Literal["tcp", "udp"] = "tcp"


class RtspServerOutput(Section, frozen=True, tag_field="kind", tag="rtsp_server"):
    """Serve it from here (needs GStreamer's RTSP server). listen: host:port, shared by any number
    of outputs. path: by default the camera's name. user, password: may hold ${VARIABLES}; needed
    where others than this machine can reach it, for all paths of an address or for none."""

    listen: str = "127.0.0.1:8554"
    path: str | None = None
    user: str | None = None
    password: str | None = None


class HlsOutputOptions(Section, frozen=True, tag_field="kind", tag="hls"):
    """Fragmented mp4 and `live.m3u8` in a folder of this camera alone."""

    folder: str
    seconds: Length = 2.0
    count: Annotated[int, Meta(ge=2, le=1000)] = 6


class SegmentsOutput(Section, frozen=True, tag_field="kind", tag="segments"):
    """Rolling recordings. keep_hours, keep_gb: 0 keeps all."""

    folder: str
    seconds: Length = 60.0
    keep_hours: Keep = 0.0
    keep_gb: Keep = 0.0


class ClipsOutput(Section, frozen=True, tag_field="kind", tag="clips"):
    """One file around each event. on: somebody shown on the property, or hidden beyond it."""

    folder: str
    on: Literal["person", "outside"] = "person"
    before: Seconds = 5.0
    after: Seconds = 5.0
    keep_hours: Keep = 0.0
    keep_gb: Keep = 0.0


Output = RtspOutput | RtspServerOutput | HlsOutputOptions | SegmentsOutput | ClipsOutput


class CameraSection(Section, frozen=True):
    """One camera.

    url, or url_file with the url in it: rtsp, rtsps, http, https, `v4l2:/dev/video0` or a file;
    ${VARIABLES} come from the environment. zone, or everyone = true. transport: of rtsp.
    stall: seconds without data after which the camera counts as lost. retry: the longest wait
    before the next try. budget: seconds that a frame may wait for analysis. overload: what
    becomes of one that waited longer: "drop", or "hide" whole. realtime: whether files play
    at their own speed. audio: "keep" sends the camera's sound along, coded anew as AAC. sandbox:
    whether it is read in a process that can do nothing else (Linux; not `v4l2:`).
    """

    url: str | None = None
    url_file: str | None = None
    zone: str | None = None
    everyone: bool = False
    transport: Literal["tcp", "udp"] = "tcp"
    stall: Length = 5.0
    retry: Length = 30.0
    budget: Length = 1.0
    overload: Literal["drop", "hide"] = "drop"
    realtime: bool = True
    key_seconds: Length = 2.0
    audio: Literal["drop", "keep"] = "drop"
    sandbox: bool = True
    outputs: list[Output] = field(default_factory=list)


class StatusSection(Section, frozen=True):
    """`/metrics` and `/healthz`. listen: host:port; empty switches both off."""

    listen: str = "127.0.0.1:9478"


class MqttSection(Section, frozen=True):
    """Home Assistant's discovery through a broker. password: may hold ${VARIABLES}."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str | None = None
    password: str | None = None
    prefix: str = "redact"
    discovery: str = "homeassistant"


class RelayFile(HidingSections, frozen=True, kw_only=True):
    """The shape of `relay.toml`: options of `redact.toml` for all cameras, then the cameras."""

    cameras: dict[str, CameraSection]
    status: StatusSection = StatusSection()
    mqtt: MqttSection | None = None


class CameraConfig(Struct, frozen=True, kw_only=True):
    """A camera, ready to run. url is secret: it appears in no message."""

    name: str
    url: str
    config: Config
    options: CameraSection
    folder: Path

    def __repr__(self) -> str:
        return f"CameraConfig({self.name!r}, {shown(self.url)!r})"

    def path(self, text: str) -> Path:
        """A path of the file, taken from its own folder."""
        return self.folder / text


class RelayConfig(Struct, frozen=True, kw_only=True):
    cameras: tuple[CameraConfig, ...]
    status: StatusSection
    mqtt: MqttSection | None


def shown(url: str) -> str:
    """An address without user, password and query."""
    parts = urlsplit(url)
    if not parts.netloc:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def expand(text: str, where: str) -> str:
    """Put the environment's values for ${NAMES}. Raises ConfigError, without any value."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise ConfigError(f"{where}: the environment has no {match[1]}; set it first")
        return found

    return _VARIABLE.sub(value, text)


def load_relay_config(path: str | Path) -> RelayConfig:
    """Read a relay.toml. Raises ConfigError, naming the key; never with an address in it."""
    path = Path(path)
    try:
        file = msgspec.convert(tomllib.loads(path.read_text()), RelayFile)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not file.cameras:
        raise ConfigError(f"{path}: no camera; add [cameras.NAME] with a url")
    cameras = tuple(_camera(name, camera, file, path) for name, camera in file.cameras.items())
    mounts_of(cameras)
    _check_folders(cameras)
    mqtt = file.mqtt
    if mqtt is not None and mqtt.password is not None:
        password = expand(mqtt.password, f"{path}: mqtt.password")
        mqtt = msgspec.structs.replace(mqtt, password=password)
    return RelayConfig(cameras=cameras, status=file.status, mqtt=mqtt)


def mounts_of(cameras: Sequence[CameraConfig]) -> dict[tuple[str, int], dict[str, Mount]]:
    """What is served where: (host, port) -> path -> who may see it. Raises ConfigError."""
    served: dict[tuple[str, int], dict[str, Mount]] = {}
    for camera in cameras:
        for output in camera.options.outputs:
            if not isinstance(output, RtspServerOutput):
                continue
            mount = Mount.of(output, camera.name)
            paths = served.setdefault((mount.host, mount.port), {})
            if mount.path in paths:
                raise ConfigError(f"{mount.where}: two outputs have the path {mount.path}")
            others = list(paths.values())
            if any(bool(other.user) != bool(mount.user) for other in others):
                raise ConfigError(
                    f"{mount.where}: {output.listen}: give all paths of an address a user, or none"
                )
            if any(o.user == mount.user and o.password != mount.password for o in others):
                raise ConfigError(f"{mount.where}: {mount.user} has two passwords")
            paths[mount.path] = mount
    return served


def _check_folders(cameras: Sequence[CameraConfig]) -> None:
    """No output may delete or replace what another one wrote."""
    taken: set[tuple[Path, str]] = set()
    for camera in cameras:
        for output in camera.options.outputs:
            match output:
                case HlsOutputOptions():
                    name = "live.m3u8"
                case SegmentsOutput():
                    name = camera.name
                case ClipsOutput():
                    name = f"{camera.name}-{output.on}"
                case _:
                    continue
            place = camera.path(output.folder).resolve(), name
            if place in taken:
                raise ConfigError(
                    f"cameras.{camera.name}.outputs: two outputs write {name} in {output.folder}; "
                    "give each a folder of its own"
                )
            taken.add(place)


class Mount(Struct, frozen=True, kw_only=True):
    """One path of an RTSP server of our own. user: empty = anybody."""

    host: str
    port: int
    path: str
    user: str
    password: str
    where: str

    def __repr__(self) -> str:
        return f"Mount({self.url})"

    @property
    def url(self) -> str:
        """Where clients find it, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"rtsp://{host}:{self.port}{self.path}"

    @classmethod
    def of(cls, output: RtspServerOutput, camera: str) -> Mount:
        """Raises ConfigError."""
        where = f"cameras.{camera}.outputs"
        host, _, port = output.listen.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ConfigError(f"{where}: listen {output.listen!r} is not host:port")
        path = "/" + (camera if output.path is None else output.path).strip("/")
        if not _PATH.fullmatch(path):
            raise ConfigError(f"{where}: path: is letters, digits, -, _, . and / between them")
        if (output.user is None) != (output.password is None):
            raise ConfigError(f"{where}: give user and password, or neither")
        if output.user is None and not _loopback(host):
            raise ConfigError(
                f"{where}: others can reach {output.listen}; give user and password, or "
                "listen at 127.0.0.1"
            )
        user, password = (expand(text or "", where) for text in (output.user, output.password))
        if output.user is not None and not (user and password and _USER.fullmatch(user)):
            raise ConfigError(f"{where}: user or password is empty, or user is no plain name")
        return cls(host=host, port=int(port), path=path, user=user, password=password, where=where)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _camera(name: str, camera: CameraSection, file: RelayFile, path: Path) -> CameraConfig:
    where = f"{path}: cameras.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: names are letters, digits, - and _")
    if not camera.outputs:
        raise ConfigError(f"{where}: has no outputs; add [[cameras.{name}.outputs]]")
    base = ConfigFile(**{key: getattr(file, key) for key in HidingSections.__struct_fields__})
    if file.output.audio != "drop":
        raise ConfigError(
            f"{path}: output.audio: the relay keeps sound by camera, and mutes no speech in it: "
            'give the camera audio = "keep", or none'
        )
    if file.output.encoder:
        raise ConfigError(f"{path}: output.encoder: the relay encodes by itself; leave it out")
    return CameraConfig(
        name=name,
        url=_url(camera, where, path),
        config=config_of(base, path, _zone(camera, where, path)),
        options=camera,
        folder=path.parent.absolute(),
    )


def _zone(camera: CameraSection, where: str, path: Path) -> Zone:
    if (camera.zone is None) == (not camera.everyone):
        raise ConfigError(f'{where}: give either zone = "zone.json" or everyone = true')
    return Zone.nothing() if camera.zone is None else load_zone(path.parent / camera.zone)


def _url(camera: CameraSection, where: str, path: Path) -> str:
    if (camera.url is None) == (camera.url_file is None):
        raise ConfigError(f"{where}: give either url or url_file")
    if camera.url is not None:
        url = expand(camera.url, f"{where}.url")
    else:
        try:
            url = (path.parent / str(camera.url_file)).read_text().strip()
        except OSError as error:
            raise ConfigError(f"{where}.url_file: cannot be read: {error.strerror}") from error
    if "://" not in url and not url.startswith("v4l2:"):
        return str(path.parent / url)
    if urlsplit(url).scheme.lower() not in {"rtsp", "rtsps", "http", "https", "v4l2"}:
        raise ConfigError(f"{where}: inputs are rtsp, rtsps, http, https, v4l2 or a file")
    return url
