"""What pages and their data have in common: routes, JSON in and out, errors as one line."""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from redact.errors import RedactError

_KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_T = TypeVar("_T", bound=msgspec.Struct)

Handler = Callable[[Request], Response]


@functools.cache
def _assets() -> dict[str, tuple[bytes, str]]:
    """Name -> content and type of what may be asked for: a list, so that no path is followed."""
    folder = resources.files("redact.web") / "static"
    found: dict[str, tuple[bytes, str]] = {}
    for item in folder.iterdir():
        for suffix, kind in _KINDS.items():
            if item.name.endswith(suffix):
                found[item.name] = item.read_bytes(), kind
    return found


def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _assets():
        raise HTTPException(404)
    content, kind = _assets()[name]
    return Response(content, media_type=kind)


def _page(name: str) -> Handler:
    text = (resources.files("redact.web") / "static" / name).read_text("utf-8")

    def page(request: Request) -> Response:
        key = html.escape(request.scope.get("redact.key", ""))
        return HTMLResponse(text.replace("{{key}}", key))

    return page


def make_app(page: str, routes: Sequence[tuple[str, str, Handler]]) -> Starlette:
    """page: an HTML file of `static`. routes: (method, path, handler); handlers may block."""
    made = [
        Route("/", _page(page), methods=["GET"]),
        Route("/static/{name}", _asset, methods=["GET"]),
        *(Route(path, _answering(h), methods=[method]) for method, path, h in routes),
    ]
    return Starlette(routes=made, exception_handlers={Exception: _unexpected})


def _answering(handler: Handler) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        await request.body()  # before the thread, which cannot wait for it
        try:
            return await run_in_threadpool(handler, request)
        except RedactError as error:
            return JSONResponse({"error": str(error)}, status_code=422)

    return answer


def _unexpected(_request: Request, error: Exception) -> Response:
    from redact.batch.failures import describe

    return JSONResponse({"error": describe(error)}, status_code=500)


def body_of(request: Request, kind: type[_T]) -> _T:
    """The JSON body as `kind`. Raises HTTPException 400."""
    try:
        return msgspec.json.decode(request._body, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise HTTPException(400, detail=str(error)) from error


def number_of(request: Request, name: str, below: int) -> int:
    """A number in the path. Raises HTTPException 404 where there is no such thing."""
    value = int(request.path_params[name])
    if not 0 <= value < below:
        raise HTTPException(404)
    return value


def plain(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")


def jpeg(content: bytes) -> Response:
    return Response(content, media_type="image/jpeg")
