"""Serve one page to this computer until it is done with: a random port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from redact.errors import MissingDependencyError

if TYPE_CHECKING:
    from redact.web.guard import App

_LINGER = 0.3  # seconds for the last answer to reach the page


class Door:
    """What a page may do to the server that serves it."""

    def __init__(self) -> None:
        self._close: Callable[[], None] | None = None

    def attach(self, close: Callable[[], None]) -> None:
        self._close = close

    def close(self) -> None:
        """End the server soon, from any thread."""
        if self._close is not None:
            threading.Timer(_LINGER, self._close).start()


def serve(app: App, door: Door, *, announce: Callable[[str], None]) -> None:
    """Serve `app` behind the guard until `door` is closed or Ctrl-C comes.

    announce: told the address with its one-time token once connections are taken.
    Raises MissingDependencyError.
    """
    uvicorn = _uvicorn()
    from redact.web.guard import Guard, Secrets

    with _listening() as listener:
        port = listener.getsockname()[1]
        secret = Secrets()
        config = uvicorn.Config(
            Guard(app, port, secret),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)

        def close() -> None:
            server.should_exit = True

        door.attach(close)
        announce(f"http://127.0.0.1:{port}/?token={secret.token}")
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    """A socket that already takes connections, so that nobody is told of a closed port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener
    finally:
        listener.close()


def _uvicorn() -> Any:
    """The module. Raises MissingDependencyError."""
    try:
        import starlette
        import uvicorn
    except ImportError as error:
        raise MissingDependencyError(
            f"the page needs {error.name}, which is not installed: pip install 'redact[web]'"
        ) from error
    del starlette
    return uvicorn
