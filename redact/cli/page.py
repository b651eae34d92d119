"""Pages in a browser: what `redact zone edit` and `redact review` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from redact.cli.options import make_config
from redact.errors import MissingDependencyError


def need_web() -> None:
    """Raises MissingDependencyError before anything is read for a page that cannot be shown."""
    from importlib.util import find_spec

    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"the page needs {' and '.join(missing)}: pip install 'redact[web]'"
        )


def announcing(open_browser: bool) -> Callable[[str], None]:
    """Prints the address, and opens it where there is a browser to open."""

    def announce(address: str) -> None:
        click.echo(f"redact: open {address}")
        click.echo("redact: the address works once; Ctrl-C ends the page", err=True)
        if open_browser:
            import threading
            import webbrowser

            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    return announce


def edit_zone(
    what: str,
    output: Path,
    seconds: float,
    announce: Callable[[str], None],
    options: dict[str, Any],
) -> int:
    """Serve the zone editor until it is done with."""
    need_web()
    from redact.build import load_detector, model_digests
    from redact.web.clip import Clip
    from redact.web.editor import Editor, ZoneFile
    from redact.web.opening import open_any
    from redact.web.serving import Door, serve

    config = make_config(zone=None, everyone=True, **options)
    model_digests(config)  # a model that is not there is told of before the page opens
    file = ZoneFile(output)
    clip = Clip(open_any(what), seconds)
    door = Door()
    editor = Editor(clip, file, config, lambda: load_detector(config), door)
    try:
        serve(editor.app(), door, announce=announce)
    finally:
        editor.close()
    if editor.saved:
        click.echo(f"redact: saved {output}; next: redact run CLIP --zone {output} -o OUT.mp4")
    else:
        click.echo("redact: nothing was saved", err=True)
    return 0
