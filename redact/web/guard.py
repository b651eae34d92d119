"""The guard before every page: who may ask, and what the answer may do.

The address that is printed holds a token that works once. It buys a cookie, without which
nothing is answered, and a key that only the page knows, without which no data is: a cookie is
sent to every port of this computer, so it alone proves nothing. Requests by another name than
127.0.0.1:PORT (DNS rebinding), from another page (forgery) or with a large body are refused.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 1 << 20  # bytes
KEY_HEADER = "x-redact-key"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "media-src blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_SAFE = ("GET", "HEAD")
_NEEDS_A_LINK = "This page needs the address that redact printed; it works once. Start it again."


class Secrets:
    """token: of the printed address, once. cookie, key: what it buys."""

    def __init__(self) -> None:
        self.token, self.cookie, self.key = (secrets.token_urlsafe(32) for _ in range(3))
        self._used = False
        self._lock = threading.Lock()

    def redeem(self, token: str) -> bool:
        """True the first time that the right token comes, and never again."""
        with self._lock:
            if self._used or not same(token, self.token):
                return False
            self._used = True
            return True


def same(given: str, wanted: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


class Guard:
    """ASGI middleware around `app`. port: the one that is served.

    The page itself (`/`) gets the key in `scope["redact.key"]` once, right after the token.
    """

    def __init__(self, app: App, port: int, secrets_: Secrets) -> None:
        self._app = app
        self._host = f"127.0.0.1:{port}"
        self._secrets = secrets_
        self._cookie_name = f"redact-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is served")
        refused, cookie = self._judge(scope)
        guarded = _with_headers(send, cookie)
        if refused is not None:
            await _refuse(guarded, *refused)
            return
        body = await _body(receive)
        if body is None:
            await _refuse(guarded, 413, "the request is too large")
            return
        await self._app(scope, _replay(body, receive), guarded)

    def _judge(self, scope: Scope) -> tuple[tuple[int, str] | None, str | None]:
        """(status, reason) of a refusal or None, and a cookie to set or None."""
        fields = _fields(scope)
        if fields is None or fields.get("host") != self._host:
            return (421, "wrong host"), None
        origin = fields.get("origin")
        if origin != f"http://{self._host}" and (
            origin is not None or scope["method"] not in _SAFE
        ):
            return (403, "wrong origin"), None
        if fields.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return (403, "asked for by another page"), None
        if scope["path"] == "/" and (token := _token(scope)) is not None:
            if scope["method"] != "GET" or not self._secrets.redeem(token):
                return (403, _NEEDS_A_LINK), None
            scope["redact.key"] = self._secrets.key
            flags = "HttpOnly; SameSite=Strict; Path=/"
            return None, f"{self._cookie_name}={self._secrets.cookie}; {flags}"
        if not same(_cookie(fields, self._cookie_name), self._secrets.cookie):
            return (403, _NEEDS_A_LINK), None
        data = scope["path"].startswith("/api/")
        if data and not same(fields.get(KEY_HEADER, ""), self._secrets.key):
            return (403, "the key of the page is missing"), None
        if scope["method"] not in _SAFE and not _is_json(fields):
            return (415, "only JSON is taken"), None
        return None, None


def _fields(scope: Scope) -> dict[str, str] | None:
    """The header fields, or None where one that is judged comes twice."""
    fields: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in fields and key in ("host", "origin", "cookie", KEY_HEADER, "sec-fetch-site"):
            return None
        fields[key] = value.decode("latin-1")
    return fields


def _token(scope: Scope) -> str | None:
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    return query["token"][0] if "token" in query else None


def _cookie(fields: Mapping[str, str], name: str) -> str:
    try:
        found = SimpleCookie(fields.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _is_json(fields: Mapping[str, str]) -> bool:
    return fields.get("content-type", "").partition(";")[0].strip() == "application/json"


def _with_headers(send: Send, cookie: str | None) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            named = {name.lower(): value for name, value in message.get("headers", [])}
            named |= {name.encode(): value.encode() for name, value in HEADERS.items()}
            if cookie is not None:
                named[b"set-cookie"] = cookie.encode()
            message["headers"] = list(named.items())
        await send(message)

    return guarded


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is too large or the asker went away."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


async def _refuse(send: Send, status: int, why: str) -> None:
    plain = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": plain})
    await send({"type": "http.response.body", "body": f"redact: {why}\n".encode()})
