"""The zone editor: draw the property on the picture and see at once who would be hidden."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from redact.config import Config, load_zone
from redact.errors import ConfigError, SinkError
from redact.geometry import Zone, doubts
from redact.protocols import Detector
from redact.sinks.partial import Partial
from redact.web.answers import body_of, jpeg, make_app, number_of, plain
from redact.web.clip import Clip
from redact.web.pictures import jpeg_of
from redact.web.preview import Preview
from redact.web.serving import Door


class Outline(msgspec.Struct, forbid_unknown_fields=True):
    """What the page sends. Checked further by `Zone.of`, as every zone is."""

    polygons: list[list[tuple[float, float]]]
    holes: list[list[tuple[float, float]]] = msgspec.field(default_factory=list)
    replace: bool = False


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty body."""


class ZoneFile:
    """The file that is edited. Raises ConfigError when it exists and is not sound."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before: Zone | None = load_zone(path) if path.exists() else None
        self._digest = _digest(path)
        self._lock = threading.Lock()

    def save(self, zone: Zone, *, replace: bool) -> None:
        """Whole or not at all. replace: also a file that changed since it was read.

        Raises ConfigError, SinkError.
        """
        with self._lock:
            if not replace and _digest(self.path) != self._digest:
                raise ConfigError(
                    f"{self.path}: was changed by someone else meanwhile; save again to replace it"
                )
            partial = Partial(self.path)
            try:
                text = json.dumps(zone.to_dict(), indent=2) + "\n"
                partial.path.write_text(text, encoding="ascii")
                partial.publish()
            except OSError as error:
                raise SinkError(f"{self.path}: cannot be written: {error.strerror}") from error
            finally:
                partial.discard()
            self._digest = _digest(self.path)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error


class Editor:
    """The data behind the page."""

    def __init__(
        self,
        clip: Clip,
        file: ZoneFile,
        config: Config,
        load: Callable[[], Detector | None],
        door: Door,
    ) -> None:
        self._clip = clip
        self._file = file
        self._config = config
        self._door = door
        self._preview = Preview(clip, config, load)
        self.saved = False

    def app(self) -> Starlette:
        return make_app(
            "editor.html",
            [
                ("GET", "/api/clip", self._about),
                ("GET", "/api/frame/{index:int}", self._frame),
                ("POST", "/api/zone", self._zone),
                ("GET", "/api/preview/{revision:int}/{index:int}", self._decided),
                ("GET", "/api/preview/{revision:int}/{index:int}/picture", self._hidden),
                ("GET", "/api/preview/{revision:int}", self._summary),
                ("POST", "/api/save", self._save),
                ("POST", "/api/done", self._done),
            ],
        )

    def close(self) -> None:
        self._preview.stop()
        self._clip.close()

    def _about(self, _request: Request) -> Response:
        frames, complete, cut, error = self._clip.state
        before, info = self._file.before, self._clip.info
        return plain(
            {
                "name": info.name,
                "width": info.width,
                "height": info.height,
                "frames": frames,
                "complete": complete,
                "cut": cut,
                "error": error,
                "models": len(self._config.models),
                "warmup": self._warmup,
                "output": os.fspath(self._file.path),
                "zone": before.to_dict() if before is not None else None,
            }
        )

    @property
    def _warmup(self) -> float:
        motion = self._config.motion
        return motion.warmup if self._config.models else motion.warmup_alone

    def _frame(self, request: Request) -> Response:
        index = number_of(request, "index", 1 << 31)
        frame = self._clip.frame(index)
        if frame is None:
            raise HTTPException(404)
        return jpeg(jpeg_of(frame))

    def _zone(self, request: Request) -> Response:
        """Check an outline as `redact zone check` does, and start its preview."""
        sent = body_of(request, Outline)
        try:
            zone = Zone.of(sent.polygons, sent.holes)
        except ConfigError as error:
            return plain({"error": str(error)})
        told: dict[str, Any] = {
            "revision": self._preview.start(zone),
            "area": round(zone.area, 4),
            "edges": zone.frame_edges,
            "warnings": doubts(zone),
        }
        return plain(told)

    def _decided(self, request: Request) -> Response:
        return plain(self._at(request)[0])

    def _hidden(self, request: Request) -> Response:
        return jpeg(self._at(request)[1])

    def _at(self, request: Request) -> tuple[dict[str, Any], bytes]:
        revision, index = (number_of(request, n, 1 << 31) for n in ("revision", "index"))
        found = self._preview.at(revision, index)
        if found is None:
            raise HTTPException(404)
        return found

    def _summary(self, request: Request) -> Response:
        found = self._preview.summary(number_of(request, "revision", 1 << 31))
        if found is None:
            raise HTTPException(404)
        return plain(found)

    def _save(self, request: Request) -> Response:
        sent = body_of(request, Outline)
        zone = Zone.of(sent.polygons, sent.holes, str(self._file.path))
        self._file.save(zone, replace=sent.replace)
        self.saved = True
        return plain({"saved": os.fspath(self._file.path), "warnings": doubts(zone)})

    def _done(self, request: Request) -> Response:
        body_of(request, Nothing)
        self._door.close()
        return plain({"saved": self.saved})
