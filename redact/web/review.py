"""The review page: look at what was made, hide more by hand, approve, export."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from redact.errors import ConfigError
from redact.web.answers import body_of, jpeg, make_app, number_of, plain
from redact.web.byhand import Mark, hide_by_hand
from redact.web.clip import Clip
from redact.web.opening import open_any
from redact.web.outputs import PROBLEMS, Output
from redact.web.pictures import jpeg_of
from redact.web.serving import Door
from redact.web.verdicts import Verdict, Verdicts

_ORIGINAL_SECONDS = 120.0  # of an original that are held in memory


class Said(msgspec.Struct, forbid_unknown_fields=True):
    verdict: Verdict


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty body."""


class Review:
    """originals: the file or folder that the owner passed, or None. export: where approved
    outputs are copied, or None. Outputs are asked for by number: no path comes from a page."""

    def __init__(
        self,
        folder: Path,
        outputs: list[Output],
        door: Door,
        *,
        originals: Path | None = None,
        export: Path | None = None,
    ) -> None:
        self._outputs = outputs
        self._verdicts = Verdicts(folder)
        self._originals = originals
        self._export_to = export
        self._door = door
        self._busy = threading.Lock()
        self._shown: tuple[Path, Clip] | None = None
        self._showing = threading.Lock()

    def app(self) -> Starlette:
        return make_app(
            "review.html",
            [
                ("GET", "/api/outputs", self._list),
                ("GET", "/api/outputs/{at:int}/video", self._video),
                ("GET", "/api/outputs/{at:int}/original/{ms:int}", self._original),
                ("POST", "/api/outputs/{at:int}/verdict", self._verdict),
                ("POST", "/api/outputs/{at:int}/hide", self._hide),
                ("POST", "/api/export", self._export),
                ("POST", "/api/done", self._done),
            ],
        )

    def close(self) -> None:
        if self._shown is not None:
            self._shown[1].close()

    def _about(self, output: Output) -> dict[str, Any]:
        return output.describe() | {
            "verdict": self._verdicts.of(output),
            "original": self._original_of(output) is not None,
        }

    def _list(self, _request: Request) -> Response:
        return plain(
            {
                "outputs": [self._about(output) for output in self._outputs],
                "problems": PROBLEMS,
                "export": None if self._export_to is None else str(self._export_to),
            }
        )

    def _output(self, request: Request) -> Output:
        return self._outputs[number_of(request, "at", len(self._outputs))]

    def _video(self, request: Request) -> Response:
        output = self._output(request)
        if output.record is None or output.path.is_symlink():
            raise HTTPException(409)  # without its report it is not known to be redacted
        return FileResponse(output.path, media_type="video/mp4")

    def _verdict(self, request: Request) -> Response:
        output = self._output(request)
        self._verdicts.say(output, body_of(request, Said).verdict)
        return plain(self._about(output))

    def _hide(self, request: Request) -> Response:
        output, mark = self._output(request), body_of(request, Mark)
        with self._busy:
            hide_by_hand(output.path, mark)
        return plain(self._about(output))

    def _export(self, request: Request) -> Response:
        body_of(request, Nothing)
        if self._export_to is None:
            raise ConfigError("start the review with --export FOLDER to copy what is approved")
        with self._busy:
            return plain({"exported": self._verdicts.export(self._outputs, self._export_to)})

    def _done(self, request: Request) -> Response:
        body_of(request, Nothing)
        self._door.close()
        return plain({})

    # -- the original, in memory only ---------------------------------------------------------

    def _original_of(self, output: Output) -> Path | None:
        """The original by the name in the report, below the folder that the owner passed."""
        if self._originals is None or (record := output.record) is None:
            return None
        if self._originals.is_file():
            return self._originals if len(self._outputs) == 1 else None
        name = record.get("input", {}).get("name")
        if not isinstance(name, str) or Path(name).name != name:
            return None
        path = (self._originals / output.name).with_name(name)
        return path if path.is_file() else None

    def _original(self, request: Request) -> Response:
        path = self._original_of(self._output(request))
        if path is None:
            raise HTTPException(404)
        wanted = number_of(request, "ms", 1 << 40) / 1000
        with self._showing:
            if self._shown is None or self._shown[0] != path:
                self.close()
                self._shown = path, Clip(open_any(str(path)), _ORIGINAL_SECONDS)
            clip = self._shown[1]
        index, frame = 0, clip.frame(0)
        while frame is not None and (after := clip.frame(index + 1)) is not None:
            if float(after.time) > wanted + 1e-3:
                break
            index, frame = index + 1, after
        if frame is None:
            raise HTTPException(404)
        return jpeg(jpeg_of(frame))
