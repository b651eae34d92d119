"""`redact relay`: live cameras, around the clock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import click

from redact.cli.door import debug_option, one_line
from redact.cli.options import PATH


@click.command(epilog="Stops gracefully on SIGTERM and Ctrl-C: recordings are completed.")
@click.argument("config", metavar="RELAY.toml", type=PATH)
@click.option("--check", is_flag=True, help="Only say whether the configuration is sound.")
@debug_option
def relay(config: Path, check: bool) -> int:
    """Relay cameras: streams go in, only redacted streams come out.

    RELAY.toml names cameras (RTSP, HTTP, V4L2 or files), the property of each, and any number
    of outputs: RTSP servers, one of its own, HLS, rolling recordings, clips around events.
    """
    from redact.cli.signals import stopping
    from redact.relay import load_relay_config, run_relay
    from redact.relay.options import mounts_of, shown

    made = load_relay_config(config)
    lock = threading.Lock()

    def tell(camera: str, text: str) -> None:
        with lock:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            click.echo(one_line(f"{now} {camera}: {text}"), err=True)

    for camera in made.cameras:
        back, budget = camera.config.look_back, camera.options.budget
        tell(
            camera.name,
            f"{shown(camera.url)}; latency: {back} frames of look-back and at most {budget:g} s "
            f"of waiting, then frames are {_BECOMES[camera.options.overload]}",
        )
        for mounts in mounts_of([camera]).values():
            for mount in mounts.values():
                tell(camera.name, f"serves {mount.url}")
    if check:
        return 0
    with stopping(lambda: None) as stop:
        code = run_relay(made, stop.event, tell)
        stop.code = 0  # to be stopped is how it ends
    return code


_BECOMES = {"drop": "dropped", "hide": "hidden whole"}
